import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import {
  assertInteger,
  checkOptions,
  countOf,
  DataError,
  Module,
  type ImageBatch,
  type ImageOrCodeBatch,
  type OptionTable,
  type RandomKey,
} from '@vitvq/core';
import { Linear } from '@vitvq/layers';
import type { EmbeddingConditioner } from '@vitvq/transformers';

/** Options of a {@link FeatureConditioner}. */
export interface FeatureConditionerOptions {
  /** Numbers of a feature vector, E. */
  readonly width: number;
  /** Vectors an image that the transformer attends to, C. @default 1 */
  readonly length?: number;
  /** Their width: the transformer's `dim`, D. */
  readonly dim: number;
  /** Decides the first weights of the projection. */
  readonly key: RandomKey;
  /**
   * What makes the features, as JSON: the hash of the network, say. A resumed run, codes and a
   * saved model must have the same.
   */
  readonly features: Readonly<Record<string, unknown>>;
  /**
   * Returns row-major feature vectors `[B, E]` of a batch of images: of its pictures, or of texts
   * that belong to its `indices`.
   * @default none, which is enough to sample, and to train on codes with their conditions
   */
  readonly vectorsOf?: (batch: ImageBatch) => Promise<Float32Array>;
}

const optionNames: OptionTable<FeatureConditionerOptions> = {
  width: 'required',
  length: 'optional',
  dim: 'required',
  key: 'required',
  features: 'required',
  vectorsOf: 'optional',
};

const where = 'FeatureConditioner';

/**
 * Describes images by a feature vector of a network that is trained already, such as CLIP's of the
 * image or of a text, and projects it to the transformer's width by a linear layer that is trained
 * with the model (Ramesh et al. 2022, arXiv:2204.06125, section 2.1, projects CLIP's vectors to
 * four tokens). Vectors are scaled to length 1, so that those of images and of texts, whose lengths
 * differ, are of one kind: a model that learned from images then draws what a text says, as far as
 * the network puts both in one place.
 *
 * The null condition is the vector 0, which no image has; the layer's bias embeds it.
 *
 * Variables: `projection.weight` `[E, C D]`, `projection.bias` `[C D]`.
 *
 * Ownership: `dispose()` the conditioner.
 */
export class FeatureConditioner extends Module implements EmbeddingConditioner {
  readonly length: number;
  readonly dim: number;
  readonly inputShape: readonly [number];
  readonly nullInput: Float32Array;
  readonly description: Readonly<Record<string, unknown>>;
  readonly #projection: Linear;
  readonly #vectorsOf: FeatureConditionerOptions['vectorsOf'];

  /** @throws {ConfigError} */
  constructor(options: FeatureConditionerOptions) {
    super();
    const { width, length = 1, dim, key, features, vectorsOf } = checkOptions(options, optionNames, where);
    assertInteger(width, 'width', where);
    assertInteger(length, 'length', where);
    assertInteger(dim, 'dim', where);
    this.length = length;
    this.dim = dim;
    this.inputShape = [width];
    this.nullInput = new Float32Array(width);
    this.description = { kind: 'features', width, length, dim, features };
    this.#vectorsOf = vectorsOf;
    this.#projection = this.child('projection', new Linear({ inFeatures: width, outFeatures: length * dim, key }));
  }

  /**
   * Returns feature vectors `[B, E]` scaled to length 1: conditions for `ImageGenerator`.
   * @throws {DataError} for vectors of another width, and for such that cannot be scaled
   */
  encode(vectors: Float32Array): Float32Array {
    const [width] = this.inputShape;
    if (vectors.length === 0 || vectors.length % width !== 0) {
      throw new DataError({ where, expected: `vectors of ${width} numbers`, got: `${vectors.length} numbers` });
    }
    const scaled = Float32Array.from(vectors);
    for (let start = 0; start < scaled.length; start += width) {
      const row = scaled.subarray(start, start + width);
      const norm = Math.hypot(...row);
      if (!Number.isFinite(norm) || norm === 0) {
        const got = norm === 0 ? 'a vector of zeros' : 'numbers that are not finite';
        throw new DataError({ where, expected: 'vectors with a direction', got: `${got} for image ${start / width}` });
      }
      row.forEach((value, index) => (row[index] = value / norm));
    }
    return scaled;
  }

  /** @throws {DataError} for codes without conditions, and where no vectors can be computed */
  async ofBatch(batch: ImageOrCodeBatch): Promise<Float32Array> {
    if (!('images' in batch) || this.#vectorsOf === undefined) {
      throw new DataError({
        where,
        expected: 'batches of images and a function vectorsOf, or codes with their conditions',
        got: 'images' in batch ? 'images, and no vectorsOf' : 'codes without conditions',
        fix: 'Pass the conditioner to encodeToShards, which then keeps conditions beside the codes.',
      });
    }
    const vectors = await this.#vectorsOf(batch);
    return this.encode(vectors.subarray(0, countOf(batch) * this.inputShape[0]));
  }

  /** Projects vectors `[B, E]` to `[B, C, D]`. */
  embed(input: Tensor): Tensor3D {
    return tf.reshape(this.#projection.apply(input as Tensor2D), [input.shape[0], this.length, this.dim]);
  }
}
