import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D, Variable } from '@tensorflow/tfjs-core';
import { assertInteger, assertShape, detach } from '@vitvq/core';
import type { Codebook, CodebookFeatures, CodebookInitialization, CodebookTable } from '@vitvq/core';
import { gumbelNoise } from './gumbel-noise.js';
import { passGradient, type CodeGradient } from './internal/code-gradient.js';
import { countCodes, nearestCodes, negativeDistances, pickRows, toRows } from './internal/code-rows.js';
import { normalizeRows } from './internal/normalize-rows.js';
import { weightedRows, type WeightedRows } from './internal/token-mask.js';
import { kMeans } from './k-means.js';

/** Options of a {@link CodeTable}. */
export interface CodeTableOptions {
  /** Name of the quantizer, for messages. */
  readonly name: string;
  /**
   * Codes `[K, E]` as they are stored, of any length. A variable that is not trainable gets no
   * gradient.
   */
  readonly weights: Variable<tf.Rank.R2>;
  /** Maps stored codes `[K, E]` to codes, with gradients. @default codes are as they are stored */
  readonly transform?: (stored: Tensor2D) => Tensor2D;
  /** Whether features and codes are l2-normalised before they are compared and returned. */
  readonly normalize: boolean;
  /** Where chosen codes are counted, `[K]`; without it there is no `reset`. @default not counted */
  readonly usage?: Variable<tf.Rank.R1>;
  /**
   * Called after stored codes were set from outside.
   * @param codes  the new codes, `[K, E]`
   * @param replaced  which codes are new, bool `[K, 1]`; undefined: all
   */
  readonly onSet?: (codes: Tensor2D, replaced?: Tensor2D) => void;
}

/** How a {@link CodeTable} chooses codes. */
export interface CodeLookupOptions {
  /** How the codes pass their gradient to the features. */
  readonly gradient: CodeGradient;
  /**
   * Uniform noise `[B, N, K]` in [0, 1), with which a code is drawn in proportion to
   * softmax(-distance² / temperature). @default none: the nearest code is chosen
   */
  readonly noise?: Tensor | undefined;
  /** Temperature of the draw. @default 1 */
  readonly temperature?: number | Scalar | undefined;
}

/** Codes of features and what follows from them. */
export interface CodeLookup {
  /** Features as they are compared, `[B·N, E]`; gradients reach `z`. */
  readonly features: Tensor2D;
  /** Index of the code of each feature, int32 `[B·N]`. */
  readonly chosen: Tensor1D;
  /** Codes as they are compared, `[B·N, E]`; gradients reach the weights. */
  readonly codes: Tensor2D;
  /** `codes` as `[B, N, E]`, passing their gradient to `z`. */
  readonly quantized: Tensor3D;
  /** `chosen` as `[B, N]`. */
  readonly indices: Tensor2D;
}

/**
 * Table of codes with nearest-neighbour lookup, shared by the quantizers that have one. With
 * `normalize` the nearest code is the one with the largest cosine, and codes have length 1;
 * without, it is the one at the smallest Euclidean distance.
 *
 * The variables belong to the quantizer, under whose names checkpoints keep them.
 */
export class CodeTable implements Codebook, CodebookTable {
  readonly weights: Variable<tf.Rank.R2>;
  readonly usage?: Variable<tf.Rank.R1>;
  readonly normalized: boolean;
  /** This table alone. */
  readonly tables: readonly CodebookTable[] = [this];
  /**
   * Sets every code that was not chosen since the last reset to a row of `z`, and counts anew. A
   * code that is never chosen has no gradient and would never move again. Undefined without
   * `usage`.
   * @throws {ShapeError}
   */
  readonly reset?: (z: Tensor, uniform: Tensor1D, options?: CodebookFeatures) => Scalar;
  readonly #name: string;
  readonly #transform: CodeTableOptions['transform'];
  readonly #onSet: CodeTableOptions['onSet'];

  constructor({ name, weights, transform, normalize, usage, onSet }: CodeTableOptions) {
    this.#name = name;
    this.weights = weights;
    this.normalized = normalize;
    this.#transform = transform;
    this.#onSet = onSet;
    if (usage) {
      this.usage = usage;
      this.reset = (z, uniform, options) => this.#reset(usage, z, uniform, options);
    }
  }

  /** Returns the codes as `decode` gives them, `[K, E]`. */
  rows(): Tensor2D {
    return tf.tidy(() => this.normalize(tf.clone(this.#source())));
  }

  /** Returns `x` `[rows, E]`, with rows of length 1 where the table is normalised. */
  normalize(x: Tensor2D): Tensor2D {
    return this.normalized ? normalizeRows(x) : x;
  }

  /**
   * Finds the nearest code of each feature, or draws one.
   * @param z  features `[B, N, E]`
   */
  lookUp(z: Tensor3D, { gradient, noise, temperature = 1 }: CodeLookupOptions): CodeLookup {
    const [batch, tokens, codeDim] = z.shape;
    const rows = tf.reshape<tf.Rank.R2>(z, [batch * tokens, codeDim]);
    const features = this.normalize(rows);
    const source = this.#source();
    const compared = [detach(features), this.normalize(detach(source)), this.normalized] as const;
    const chosen = noise ? drawCodes(negativeDistances(...compared), noise, temperature) : nearestCodes(...compared);
    const codes = this.normalize(tf.gather<Tensor2D>(source, chosen));
    return {
      features,
      chosen,
      codes,
      quantized: tf.reshape<tf.Rank.R3>(passGradient(rows, codes, gradient), z.shape),
      indices: tf.reshape<tf.Rank.R2>(chosen, [batch, tokens]),
    };
  }

  /**
   * Returns minus the squared distance of features `[rows, E]`, as they are compared, to each code,
   * `[rows, K]`, but for what is the same for all codes of a row. Gradients reach both.
   */
  negativeDistances(features: Tensor2D): Tensor2D {
    return negativeDistances(features, this.normalize(this.#source()), this.normalized);
  }

  /** Returns the codes of int32 indices: `[B, N]` to `[B, N, E]`. @throws {ShapeError} */
  decode(indices: Tensor2D): Tensor3D {
    assertShape(indices, ['B', 'N'], `${this.#name}.decode`);
    return tf.tidy(() => {
      const codes = this.normalize(tf.gather<Tensor2D>(this.#source(), tf.reshape(indices, [-1])));
      return tf.reshape<tf.Rank.R3>(codes, [...indices.shape, this.#codeDim]);
    });
  }

  /**
   * Adds the chosen codes, int32 `[rows]`, to `usage`, where it is counted.
   * @param weights  1, or 0 for a row that does not count, `[rows]`; undefined: all count
   */
  count(chosen: Tensor1D, weights?: Tensor1D): void {
    this.usage?.assign(tf.add(this.usage, countCodes(chosen, this.size, weights)));
  }

  /**
   * Sets every code to a row of `z`, of length 1 where the table is normalised: an optimizer moves
   * every code by about the learning rate, and a long one would hardly turn. A codebook drawn at
   * random keeps only the few codes that happen to lie next to the features of an untrained
   * encoder.
   * @param z  features of a batch, `[..., E]`; with fewer rows than codes some codes start equal
   * @param uniform  noise `[K]` in [0, 1): code k takes a row from the k-th of K equal stretches
   * @throws {ShapeError}
   * @throws {ConfigError}
   */
  initialize(z: Tensor, uniform: Tensor1D, { kMeansIterations = 0, mask }: CodebookInitialization = {}): void {
    const where = `${this.#name}.codebook.initialize`;
    assertInteger(kMeansIterations, 'kMeansIterations', where, 0);
    tf.tidy(() => {
      const picked = pickRows(this.#rowsOf(z, mask, where), uniform, this.size, where);
      const options = { iterations: kMeansIterations, normalize: this.normalized, mask };
      const codes = kMeansIterations > 0 ? kMeans(z, picked, options) : picked;
      this.weights.assign(codes);
      this.#onSet?.(codes);
    });
  }

  /** Number of codes, K. */
  get size(): number {
    return this.weights.shape[0];
  }

  get #codeDim(): number {
    return this.weights.shape[1];
  }

  /** Returns the codes, not normalised, for use in a forward pass. */
  #source(): Tensor2D {
    const stored = this.weights.trainable ? this.weights : detach(this.weights);
    return this.#transform ? this.#transform(stored) : stored;
  }

  #rowsOf(z: Tensor, mask: Tensor | undefined, where: string): WeightedRows {
    return weightedRows(z, this.normalize(toRows(z, this.#codeDim, where)), mask, where);
  }

  #reset(usage: Variable<tf.Rank.R1>, z: Tensor, uniform: Tensor1D, { mask }: CodebookFeatures = {}): Scalar {
    const where = `${this.#name}.codebook.reset`;
    return tf.tidy(() => {
      const rows = pickRows(this.#rowsOf(z, mask, where), uniform, this.size, where);
      const dead = tf.expandDims<Tensor2D>(tf.equal(usage, 0), 1); // [K, 1]
      this.weights.assign(tf.where(tf.tile(dead, [1, this.#codeDim]), rows, this.weights));
      this.#onSet?.(rows, dead);
      const count = tf.sum<Scalar>(tf.cast(dead, 'float32'));
      usage.assign(tf.zerosLike(usage));
      return count;
    });
  }
}

/**
 * Returns an index of each row drawn in proportion to softmax(logits / temperature), int32
 * `[rows]`: the largest sum of logits and Gumbel noise (Gumbel-max trick).
 */
function drawCodes(logits: Tensor2D, uniform: Tensor, temperature: number | Scalar): Tensor1D {
  const noise = gumbelNoise(tf.reshape(uniform, logits.shape));
  return tf.argMax<Tensor1D>(tf.add(logits, tf.mul(noise, temperature)), 1);
}
