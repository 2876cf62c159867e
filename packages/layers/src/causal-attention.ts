import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D, Tensor3D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertShape,
  checkOptions,
  ConfigError,
  Module,
  normalInitializer,
  split,
  tidied,
  type OptionTable,
  type RandomKey,
} from '@vitvq/core';
import {
  applyDropout,
  dropoutSites,
  resolveDropout,
  type DropoutMasks,
  type DropoutRates,
  type DropoutSite,
} from './dropout.js';
import type { LayerNorm } from './layer-norm.js';
import { Linear } from './linear.js';
import { createNorm, type Norm } from './norm.js';
import type { RMSNorm } from './rms-norm.js';
import { rotate, type Rotation } from './rotary.js';

/**
 * Standard deviation of dense weights and embeddings at the start, as in the reference (and GPT-2).
 */
export const weightStddev = 0.02;

/** Options of {@link CausalAttention}. */
export interface CausalAttentionOptions {
  /** Width of a token, a multiple of `numHeads`. */
  readonly dim: number;
  /** Number of heads. */
  readonly numHeads: number;
  /**
   * Whether queries, keys, values and the output have biases. @default true, as in the reference
   */
  readonly useAttentionBias?: boolean;
  /**
   * Whether attention sees a channel-wise mix of each token with the token before it (the
   * reference, after RWKV; the paper has none). @default true
   */
  readonly useTimeMixing?: boolean;
  /**
   * Norm of the queries and keys of each head, which keeps scores from growing without bound
   * (Dehghani et al. 2023, section 2, with `layer`). @default none
   */
  readonly queryKeyNorm?: Norm;
  /** Epsilon of norms. @default 1e-5 */
  readonly normEpsilon?: number;
  /** Dropout rates, of which the rate of the attention probabilities counts here. @default none */
  readonly dropout?: DropoutRates;
  readonly key: RandomKey;
}

/** Names of the options {@link CausalAttentionOptions}. */
export const causalAttentionOptionNames: OptionTable<CausalAttentionOptions> = {
  dim: 'required',
  numHeads: 'required',
  useAttentionBias: 'optional',
  useTimeMixing: 'optional',
  queryKeyNorm: 'optional',
  normEpsilon: 'optional',
  dropout: 'optional',
  key: 'required',
};

/**
 * Keys and values `[B, M, n, headDim]` that queries see, and an additive mask `[1, 1, m or 1, n]`
 * (`[B, 1, m or 1, n]` with one for each sequence) where the m queries do not see all of them.
 */
export interface AttentionPart {
  readonly keys: Tensor4D;
  readonly values: Tensor4D;
  readonly mask?: Tensor;
}

/**
 * Takes the keys and values `[B, M, m, headDim]` of m new tokens and returns everything that their
 * queries see, the tokens themselves included.
 */
export type Remember = (keys: Tensor4D, values: Tensor4D) => readonly AttentionPart[];

/**
 * Mask that is added to attention scores: `[T, T]` for all sequences alike, or `[B, 1, T, T]` with
 * one for each.
 */
export type SequenceMask = Tensor2D | Tensor4D;

/** Results of {@link CausalAttention} for a whole sequence. */
export interface AttentionForward {
  /** `[B, T, D]`. */
  readonly output: Tensor3D;
  /** `[B, M, T, headDim]`, for the KV cache of a sampler. */
  readonly keys: Tensor4D;
  /** `[B, M, T, headDim]`, for the KV cache of a sampler. */
  readonly values: Tensor4D;
}

/**
 * Multi-head attention under a mask, over whole sequences or token by token. Variables: `query`,
 * `key`, `value` and `output` (`.weight` `[D, D]`, `.bias` `[D]`), `timeMix` `[D]`, and with
 * `queryKeyNorm` the norms `queryNorm.…` and `keyNorm.…` over `headDim` channels, which all heads
 * share. Queries and keys are rotated after their norm.
 *
 * Time mixing: token t enters as mix x_t + (1 - mix) x_(t-1), channel by channel, with x_(-1) = 0;
 * mix starts at i / (D - 1) for channel i. When tokens come one by one, x_(t-1) must be remembered.
 *
 * Deviation: the reference forgets x_(t-1), so that its sampling with a cache differs from its
 * training.
 */
export class CausalAttention extends Module {
  readonly dim: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly dropout: Required<DropoutRates>;
  readonly #timeMix: Variable<tf.Rank.R1> | undefined;
  readonly #projections: readonly [Linear, Linear, Linear];
  readonly #output: Linear;
  readonly #norms: readonly [LayerNorm | RMSNorm, LayerNorm | RMSNorm] | undefined;

  constructor(options: CausalAttentionOptions) {
    super();
    checkOptions(options, causalAttentionOptionNames, 'CausalAttention', { allowOthers: true });
    const {
      dim,
      numHeads,
      useAttentionBias = true,
      useTimeMixing = true,
      queryKeyNorm,
      normEpsilon,
      dropout = {},
      key,
    } = options;
    assertInteger(dim, 'dim', 'CausalAttention');
    assertInteger(numHeads, 'numHeads', 'CausalAttention');
    if (dim % numHeads !== 0) {
      throw new ConfigError({
        where: 'CausalAttention',
        expected: `dim to be a multiple of numHeads ${numHeads}`,
        got: String(dim),
      });
    }
    this.dim = dim;
    this.numHeads = numHeads;
    this.headDim = dim / numHeads;
    this.dropout = resolveDropout(dropout, 'CausalAttention');
    const keys = split(key, 4) as [RandomKey, RandomKey, RandomKey, RandomKey];
    const linear = (name: string, linearKey: RandomKey, shard: 'inputs' | 'outputs' = 'outputs'): Linear => {
      const options = { inFeatures: dim, outFeatures: dim, useBias: useAttentionBias, shard, key: linearKey };
      return this.child(name, new Linear({ ...options, initializer: normalInitializer(weightStddev) }));
    };
    this.#timeMix = useTimeMixing
      ? this.variable<tf.Rank.R1>('timeMix', {
          shape: [dim],
          data: Float32Array.from({ length: dim }, (_, channel) => channel / Math.max(1, dim - 1)),
        })
      : undefined;
    this.#projections = [linear('query', keys[0]), linear('key', keys[1]), linear('value', keys[2])];
    this.#output = linear('output', keys[3], 'inputs');
    this.#norms = queryKeyNorm && [
      this.child('queryNorm', createNorm(queryKeyNorm, { dim: this.headDim, normEpsilon }, 'CausalAttention')),
      this.child('keyNorm', createNorm(queryKeyNorm, { dim: this.headDim, normEpsilon }, 'CausalAttention')),
    ];
  }

  /** Whether a token's predecessor must be remembered when tokens come one by one. */
  get usesTimeMixing(): boolean {
    return this.#timeMix !== undefined;
  }

  /** Returns the dropout sites of a sequence of `length` tokens, by name. */
  dropoutSites(batchSize: number, length: number): Record<string, DropoutSite> {
    const shape = [batchSize, this.numHeads, length, length];
    return dropoutSites({ probabilities: { shape, rate: this.dropout.attention } });
  }

  /**
   * Attends over a whole sequence.
   * @param x  `[B, T, D]`
   * @param mask  added to the scores
   * @param rotation  rotary positions of the T tokens. @default none
   * @throws {ShapeError}
   */
  apply(x: Tensor3D, mask: SequenceMask, dropoutMasks?: DropoutMasks, rotation?: Rotation): AttentionForward {
    const [batch, length] = x.shape;
    assertShape(x, ['B', 'T', this.dim], 'CausalAttention.apply');
    const isOfAll = mask.rank === 2;
    assertShape(mask, isOfAll ? [length, length] : [batch, 1, length, length], 'CausalAttention.apply');
    const { numHeads, headDim, dim } = this;
    return tidied(() => {
      const mixed = this.#timeMix ? this.#mix(x, shiftedByOne(x)) : x;
      const projected = this.#project(tf.reshape(mixed, [batch * length, dim])); // [B T, 3 D]
      const heads = tf.transpose(tf.reshape(projected, [batch, length, 3 * numHeads, headDim]), [0, 2, 1, 3]);
      // [B, M, T, headDim]
      const [queries, keys, values] = this.#position(heads, rotation);
      const scores = tf.add<Tensor4D>(tf.matMul(queries, keys, false, true), mask); // [B, M, T, T]
      const probabilities = applyDropout(
        tf.softmax(scores),
        dropoutMasks,
        'probabilities',
        this.dropout.attention,
        'CausalAttention.apply',
      );
      const attended = tf.transpose(tf.matMul(probabilities, values), [0, 2, 1, 3]);
      const output = this.#output.apply(tf.reshape<tf.Rank.R2>(attended, [batch * length, dim]));
      return { output: tf.reshape<tf.Rank.R3>(output, [batch, length, dim]), keys, values };
    });
  }

  /**
   * Attends from one more token, with the same result as {@link apply} gives for that token.
   * @param x  `[B, D]`
   * @param before  the x of the token before; none for the first token
   * @param remember  gets the key and value of the token and returns what its query sees
   * @param rotation  rotary position of the token. @default none
   * @returns  `[B, D]`
   */
  decodeStep(x: Tensor2D, before: Tensor2D | undefined, remember: Remember, rotation?: Rotation): Tensor2D {
    const [batch] = x.shape;
    const { numHeads, headDim, dim } = this;
    const projected = this.#project(this.#mix(x, before ?? tf.zerosLike(x))); // [B, 3 D]
    const heads = tf.reshape(projected, [batch, 3 * numHeads, 1, headDim]);
    const [query, key, value] = this.#position(heads, rotation);
    const attended = attendToParts(query, remember(key, value)); // [B, M, 1, headDim]
    return this.#output.apply(tf.reshape<tf.Rank.R2>(attended, [batch, dim]));
  }

  /**
   * Attends from m more tokens at once, which see what `remember` says, without time mixing.
   * @param x  `[B, m, D]`
   * @param remember  gets the keys and values of the tokens and returns what their queries see
   * @returns  `[B, m, D]`
   * @throws {ConfigError} for an attention with time mixing, which knows no several next tokens
   */
  attend(x: Tensor3D, remember: Remember): Tensor3D {
    if (this.#timeMix) {
      throw new ConfigError({
        where: 'CausalAttention.attend',
        expected: 'an attention without time mixing',
        got: 'one with it',
        fix: 'Create it with useTimeMixing: false.',
      });
    }
    const [batch, count] = x.shape;
    const { numHeads, headDim, dim } = this;
    const projected = this.#project(tf.reshape(x, [batch * count, dim])); // [B m, 3 D]
    const heads = tf.transpose(tf.reshape(projected, [batch, count, 3 * numHeads, headDim]), [0, 2, 1, 3]);
    const [queries, keys, values] = this.#position(heads, undefined);
    const attended = tf.transpose(attendToParts(queries, remember(keys, values)), [0, 2, 1, 3]);
    const output = this.#output.apply(tf.reshape<tf.Rank.R2>(attended, [batch * count, dim]));
    return tf.reshape<tf.Rank.R3>(output, [batch, count, dim]);
  }

  #mix<T extends Tensor>(x: T, before: T): T {
    return this.#timeMix ? tf.add(before, tf.mul(tf.sub(x, before), this.#timeMix)) : x;
  }

  /** Splits `[B, 3 M, T, headDim]` into queries and keys, normalised and rotated, and values. */
  #position(heads: Tensor, rotation: Rotation | undefined): readonly [Tensor4D, Tensor4D, Tensor4D] {
    const [queries, keys, values] = tf.split(heads, 3, 1) as [Tensor4D, Tensor4D, Tensor4D];
    const turned = (x: Tensor4D): Tensor4D => (rotation ? rotate(x, rotation) : x);
    if (!this.#norms) return [turned(queries), turned(keys), values];
    const [queryNorm, keyNorm] = this.#norms;
    const scaled: Tensor4D = tf.mul(queryNorm.apply(queries), this.headDim ** -0.5);
    return [turned(scaled), turned(keyNorm.apply(keys)), values];
  }

  /**
   * Maps `[rows, D]` to queries (scaled by 1/sqrt(headDim), unless a norm would undo it), keys and
   * values `[rows, 3 D]`, with one product instead of three: in a compiled sampler the weights are
   * constants, and joining and scaling them costs nothing.
   */
  #project(x: Tensor2D): Tensor2D {
    const scale = this.#norms ? 1 : this.headDim ** -0.5;
    const join = (parts: readonly Tensor[], axis: number): Tensor =>
      tf.concat([scale === 1 ? parts[0]! : tf.mul(parts[0]!, scale), ...parts.slice(1)], axis);
    const weights = this.#projections.map(({ weight }) => weight);
    const biases = this.#projections.flatMap(({ bias }) => (bias ? [bias] : []));
    const product: Tensor2D = tf.matMul(x, join(weights, 1));
    return biases.length > 0 ? tf.add(product, join(biases, 0)) : product;
  }
}

/**
 * Returns for each token the token before it, zeros for the first: `[B, T, D]` to the same shape.
 */
function shiftedByOne(x: Tensor3D): Tensor3D {
  const [batch, length, dim] = x.shape;
  if (length === 1) return tf.zerosLike(x);
  return tf.pad(tf.slice(x, [0, 0, 0], [batch, length - 1, dim]), [
    [0, 0],
    [1, 0],
    [0, 0],
  ]);
}

/** Returns what queries `[B, M, m, headDim]` read from all parts, in the same shape. */
function attendToParts(queries: Tensor4D, parts: readonly AttentionPart[]): Tensor4D {
  const scores = parts.map(({ keys, mask }) => {
    const part = tf.matMul(queries, keys, false, true); // [B, M, m, n]
    return mask ? tf.add(part, mask) : part;
  });
  const probabilities = tf.softmax(scores.length === 1 ? scores[0]! : tf.concat(scores, 3));
  const sizes = parts.map(({ keys }) => keys.shape[2]);
  const split = parts.length === 1 ? [probabilities] : tf.split(probabilities, sizes, 3);
  return parts
    .map(({ values }, index) => {
      const weights = split[index]!;
      // For one key a product of elements is cheaper than a product of matrices.
      return values.shape[2] === 1 ? tf.mul<Tensor4D>(weights, values) : tf.matMul<Tensor4D>(weights, values);
    })
    .reduce((sum, part) => tf.add<Tensor4D>(sum, part));
}
