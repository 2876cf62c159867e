import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor3D, Variable } from '@tensorflow/tfjs-core';
import {
  allocate,
  assertInteger,
  assertShape,
  checkOptions,
  concatenate,
  ConfigError,
  countOf,
  DataError,
  Module,
  normalInitializer,
  ShapeError,
  split,
  type ImageOrCodeBatch,
  type OptionTable,
  type RandomKey,
} from '@vitvq/core';
import { activate, Linear, weightStddev } from '@vitvq/layers';
import type { CaptionConditionerConfig } from './conditioner-config.js';
import type { EmbeddingConditioner } from './embedding-conditioner.js';

/**
 * Returns the vectors of the caption of each image of a batch that is not padding: row-major `[n,
 * captionDim]` each, with 1 to `length` vectors.
 */
export type CaptionsOf = (batch: ImageOrCodeBatch) => readonly Float32Array[] | Promise<readonly Float32Array[]>;

/** Options of a {@link CaptionConditioner}. */
export interface CaptionConditionerOptions {
  /** Vectors a caption at most, C; shorter ones are padded. */
  readonly length: number;
  /** Width of the vectors, E: that of the text encoder. */
  readonly captionDim: number;
  /** Width of the transformer, D. */
  readonly dim: number;
  /** Decides the first weights, and the vectors of no caption. */
  readonly key: RandomKey;
  /**
   * The vectors of the captions of a batch. A resumed run must get the same.
   * @default none, which is enough to sample; training and evaluating need it
   */
  readonly captionsOf?: CaptionsOf;
}

const optionNames: OptionTable<CaptionConditionerOptions> = {
  length: 'required',
  captionDim: 'required',
  dim: 'required',
  key: 'required',
  captionsOf: 'optional',
};

const where = 'CaptionConditioner';

/**
 * Describes images by the features of their captions, one vector a text token, that a frozen text
 * encoder such as T5 makes, and maps them to the transformer's width (LlamaGen, arXiv:2406.06525,
 * section 2.2): output(gelu(hidden(x))) without biases, so that vectors of zeros, which pad short
 * captions at the front, stay zeros. A `GPT` with `conditionPadding: 'zero'` sees none of them.
 *
 * No caption has vectors of its own, one for each place, which are drawn and not trained, as in
 * LlamaGen. It is padded as the caption that it stands in for.
 *
 * Variables: `hidden.weight` `[E, D]`, `output.weight` `[D, D]`; not trainable `unconditional`
 * `[C, E]`.
 *
 * Ownership: `dispose()` the conditioner.
 */
export class CaptionConditioner extends Module implements EmbeddingConditioner {
  readonly length: number;
  readonly captionDim: number;
  readonly dim: number;
  readonly keepsPadding = true;
  /** See {@link CaptionConditionerOptions.captionsOf}; a conditioner out of a folder has none. */
  captionsOf: CaptionsOf | undefined;
  readonly #hidden: Linear;
  readonly #output: Linear;
  readonly #unconditional: Variable<tf.Rank.R2>;
  /** The values of `unconditional` when they were read last. */
  #read: { readonly of: object; readonly values: Float32Array } | undefined;

  /** @throws {ConfigError} */
  constructor(options: CaptionConditionerOptions) {
    super();
    const { length, captionDim, dim, key, captionsOf } = checkOptions(options, optionNames, where, {
      allowOthers: true,
    });
    assertInteger(length, 'length', where);
    assertInteger(captionDim, 'captionDim', where);
    assertInteger(dim, 'dim', where);
    this.length = length;
    this.captionDim = captionDim;
    this.dim = dim;
    this.captionsOf = captionsOf;
    const [hiddenKey, outputKey, unconditionalKey] = split(key, 3) as [RandomKey, RandomKey, RandomKey];
    const linear = { outFeatures: dim, useBias: false, initializer: normalInitializer(weightStddev) };
    this.#hidden = this.child('hidden', new Linear({ ...linear, inFeatures: captionDim, key: hiddenKey }));
    this.#output = this.child('output', new Linear({ ...linear, inFeatures: dim, key: outputKey }));
    const vectors = normalInitializer(captionDim ** -0.5)(unconditionalKey, [length, captionDim]);
    this.#unconditional = this.variable<tf.Rank.R2>('unconditional', vectors, { trainable: false });
  }

  get inputShape(): readonly [number, number] {
    return [this.length, this.captionDim];
  }

  /** The vectors of no caption, without padding. */
  get nullInput(): Float32Array {
    // Loading weights replaces them.
    const { dataId } = this.#unconditional;
    if (this.#read?.of !== dataId) {
      this.#read = { of: dataId, values: Float32Array.from(this.#unconditional.dataSync()) };
    }
    return this.#read.values;
  }

  get description(): Readonly<Record<string, unknown>> {
    return { ...this.config };
  }

  get config(): CaptionConditionerConfig {
    const { length, captionDim, dim } = this;
    return { kind: 'captions', length, captionDim, dim };
  }

  /**
   * Pads the vectors of one caption at the front.
   * @param vectors  row-major `[n, captionDim]`
   * @returns  row-major `[length, captionDim]`
   * @throws {ShapeError} unless there are 1 to `length` vectors
   * @throws {DataError} for numbers that are not finite, and for a vector of zeros, which would be
   *   taken for padding
   */
  pad(vectors: Float32Array): Float32Array {
    const { length, captionDim } = this;
    const count = vectors.length / captionDim;
    if (!Number.isInteger(count) || count < 1 || count > length) {
      throw new ShapeError({
        where: `${where}.pad`,
        expected: `1 to ${length} vectors of ${captionDim} numbers`,
        got: Number.isInteger(count) ? `${count} vectors` : `${vectors.length} numbers`,
        fix: 'Cut longer captions off, or choose a larger length.',
      });
    }
    for (let row = 0; row < count; row++) {
      const vector = vectors.subarray(row * captionDim, (row + 1) * captionDim);
      const problem = vector.every((value) => value === 0)
        ? 'zeros'
        : vector.every((value) => Number.isFinite(value))
          ? undefined
          : 'numbers that are not finite';
      if (problem === undefined) continue;
      throw new DataError({
        where: `${where}.pad`,
        expected: 'vectors of finite numbers that are not all zeros, which stand for padding',
        got: `${problem} in vector ${row}`,
      });
    }
    const padded = allocate([length, captionDim], where, (size) => new Float32Array(size));
    padded.set(vectors, (length - count) * captionDim);
    return padded;
  }

  /**
   * Returns the padded vectors of captions, row-major `[captions, length, captionDim]`: conditions
   * for `ImageGenerator` and `conditionTensor`.
   * @throws {ShapeError} @throws {DataError} see {@link pad}
   */
  encode(captions: readonly Float32Array[]): Float32Array {
    return concatenate(
      captions.map((vectors) => this.pad(vectors)),
      Float32Array,
    );
  }

  /**
   * @throws {ConfigError} without a `captionsOf`
   * @throws {DataError} for another number of captions than images
   */
  async ofBatch(batch: ImageOrCodeBatch): Promise<Float32Array> {
    if (!this.captionsOf) {
      throw new ConfigError({
        where,
        expected: 'captionsOf, which returns the vectors of the captions of a batch',
        got: 'none',
        fix: 'Make the conditioner with one, or set it; a conditioner out of a model folder has none.',
      });
    }
    const captions = await this.captionsOf(batch);
    const count = countOf(batch);
    if (captions.length !== count) {
      throw new DataError({
        where: `${where}.captionsOf`,
        expected: `a caption for each of ${count} images`,
        got: `${captions.length}`,
      });
    }
    return this.encode(captions);
  }

  /** Maps padded vectors `[B, C, E]` to `[B, C, D]`. @throws {ShapeError} */
  embed(input: Tensor): Tensor3D {
    assertShape(input, ['B', ...this.inputShape], `${where}.embed`);
    return tf.tidy(() => this.#output.apply(activate(this.#hidden.apply(input as Tensor3D), 'gelu-tanh')));
  }
}
