import { foldIn, randomKey, randomUniform, split, type RandomKey } from '@vitvq/core';
import type { GenerationOptions } from './generate.js';
import type { PartialImage } from './partial-tokens.js';
import { drawToken, filterLogits, guide } from './sampling.js';
import type { MaskedSession } from './session.js';

export interface FillInOptions extends GenerationOptions {
  /** `[N]`, -1 where a token is to be drawn, given all others. */
  readonly tokens: Int32Array;
  /** Passes of the model, at most; each makes one token known at least. */
  readonly steps: number;
}

/** MaskGIT's, for ImageNet at 256x256; the `MaskedSampler` of @vitvq/sampling has it too. */
const choiceTemperature = 4.5;

/**
 * Draws the tokens that are -1 (MaskGIT, arXiv:2202.04200, section 3.2): each step draws one for
 * every unknown position at once and keeps the likeliest; the others are unknown again. Yields the
 * image after each step, with what was drawn and not kept as the guess. The same tokens as those of
 * `editImages` of @vitvq/sampling. Leaving the loop stops it.
 */
export async function* fillIn(
  model: MaskedSession,
  { tokens, steps, condition, guidance, seed, ...filter }: FillInOptions,
): AsyncGenerator<PartialImage, void, undefined> {
  const { vocabSize } = model.about;
  const { nullTokens } = model.condition;
  const isGuided = condition !== undefined && guidance !== 1;
  const known = tokens.slice();
  const unknownAtFirst = known.reduce((count, token) => count + Number(token === -1), 0);
  for (let step = 0; step < steps && known.includes(-1); step++) {
    const keys = split(foldIn(randomKey(seed), step)) as [RandomKey, RandomKey];
    const [uniform, noise] = keys.map((key) => randomUniform(key, known.length)) as [Float32Array, Float32Array];
    const rows = isGuided ? [condition, nullTokens] : [condition ?? nullTokens];
    const [conditional, unconditional] = await model.logits(rows, known);
    const noiseScale = choiceTemperature * (1 - (step + 1) / steps);
    const drawn = known.slice();
    const scores = new Map<number, number>();
    for (const [position, token] of known.entries()) {
      if (token !== -1) continue;
      const at = (logits: Float32Array): Float32Array =>
        logits.subarray(position * vocabSize, (position + 1) * vocabSize);
      const logits = isGuided ? guide(at(conditional!), at(unconditional!), guidance) : at(conditional!);
      const probabilities = filterLogits(logits, filter);
      const chosen = drawToken(probabilities, uniform[position]!);
      drawn[position] = chosen;
      scores.set(position, Math.log(probabilities[chosen]!) + noiseScale * gumbel(noise[position]!));
    }
    const best = [...scores.keys()].sort((a, b) => scores.get(b)! - scores.get(a)! || a - b);
    const kept = best.length - unknownAfter(unknownAtFirst, step + 1, steps);
    for (const position of best.slice(0, Math.max(0, kept))) known[position] = drawn[position]!;
    yield { tokens: known.slice(), guess: drawn };
  }
}

/**
 * How many of so many tokens are unknown after a step: the cosine schedule, with at least one token
 * made known in every step.
 */
function unknownAfter(atFirst: number, step: number, steps: number): number {
  if (step >= steps) return 0;
  const scheduled = Math.floor(atFirst * Math.cos((Math.PI / 2) * (step / steps)));
  return Math.max(0, Math.min(scheduled, atFirst - step));
}

/** The standard Gumbel number of a uniform one. */
function gumbel(uniform: number): number {
  return -Math.log(-Math.log(Math.max(uniform, 1e-20)));
}
