/**
 * How a token is drawn of logits: the arithmetic of the `Sampler` of @vitvq/sampling, in the same
 * order.
 */

export interface Filter {
  /** Above 0; logits are divided by it. Below 1 the likely becomes likelier. */
  readonly temperature: number;
  /** Keeps the k most likely tokens, and those as likely as the k-th. */
  readonly topK: number;
}

/**
 * Classifier-free guidance (Ho and Salimans 2022): u + scale (c - u), of logits with and without
 * the condition.
 */
export function guide(conditional: Float32Array, unconditional: Float32Array, scale: number): Float32Array {
  return conditional.map((value, token) => unconditional[token]! + scale * (value - unconditional[token]!));
}

/** Probabilities `[V]` of logits `[V]`: temperature, top-k, softmax. */
export function filterLogits(logits: Float32Array, { temperature, topK }: Filter): Float32Array {
  const least = topK < logits.length ? logits.toSorted()[logits.length - topK]! : -Infinity;
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const weights = logits.map((value) => (value < least ? 0 : Math.exp((value - largest) / temperature)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/**
 * The first token whose cumulative probability is above `uniform` (inversion); one of probability 0
 * is never drawn.
 * @param uniform in [0, 1)
 */
export function drawToken(probabilities: Float32Array, uniform: number): number {
  let left = uniform * probabilities.reduce((sum, probability) => sum + probability, 0);
  let last = 0;
  for (const [token, probability] of probabilities.entries()) {
    if (probability === 0) continue;
    if (left < probability) return token;
    left -= probability;
    last = token;
  }
  return last; // What rounding left over.
}
