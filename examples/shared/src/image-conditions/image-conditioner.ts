import type { Tensor, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import {
  ConfigError,
  countOf,
  DataError,
  elementCount,
  formatShape,
  Module,
  type HostImages,
  type ImageBatch,
  type ImageOrCodeBatch,
  type RandomKey,
} from '@vitvq/core';
import { PatchEmbedding } from '@vitvq/layers';
import type { EmbeddingConditioner } from '@vitvq/transformers';

/** Options of {@link ImageConditioner}. */
export interface ImageConditionerOptions {
  /** Height and width of a condition in pixels: a multiple of `grid`. */
  readonly imageSize: readonly [number, number];
  /** Rows and columns of the parts that the condition is cut into, in raster order. */
  readonly grid: readonly [number, number];
  /** Width of the transformer. */
  readonly dim: number;
  /** Returns the conditions of a batch, `[B, h, w, 3]` in [0, 1]. */
  readonly conditionsOf: (batch: ImageBatch) => HostImages;
  readonly key: RandomKey;
}

/** A value that no pixel has: an image of it stands for no condition. */
const nullValue = -1;

/**
 * Gives a transformer another image as its condition: pixels that no tokenizer has changed, cut
 * into parts and embedded with a layer that is trained with the transformer.
 */
export class ImageConditioner extends Module implements EmbeddingConditioner {
  readonly length: number;
  readonly dim: number;
  readonly inputShape: readonly [number, number, number];
  readonly description: Readonly<Record<string, unknown>>;
  readonly #conditionsOf: ImageConditionerOptions['conditionsOf'];
  readonly #embedding: PatchEmbedding;

  /** @throws {ConfigError} for a condition that cannot be cut into equal parts */
  constructor({ imageSize, grid, dim, conditionsOf, key }: ImageConditionerOptions) {
    super();
    const patchSize = [imageSize[0] / grid[0], imageSize[1] / grid[1]] as const;
    if (!patchSize.every(Number.isInteger)) {
      throw new ConfigError({
        where: 'ImageConditioner',
        expected: `conditions of a multiple of ${grid.join('x')} pixels, and as many parts`,
        got: imageSize.join('x'),
      });
    }
    this.length = grid[0] * grid[1];
    this.dim = dim;
    this.inputShape = [...imageSize, 3];
    this.description = { kind: 'image', imageSize, grid, dim };
    this.#conditionsOf = conditionsOf;
    this.#embedding = this.child('embedding', new PatchEmbedding({ imageSize, patchSize, dim, key }));
  }

  /** An image of a value that no pixel has. */
  get nullInput(): Float32Array {
    return new Float32Array(elementCount(this.inputShape)).fill(nullValue);
  }

  /** @throws {DataError} for codes, and for conditions of another size */
  ofBatch(batch: ImageOrCodeBatch): Float32Array {
    if (!('images' in batch)) {
      throw new DataError({ where: 'ImageConditioner', expected: 'batches of images', got: 'codes' });
    }
    const { data, shape } = this.#conditionsOf(batch);
    const expected = [batch.shape[0]!, ...this.inputShape];
    if (formatShape(shape) !== formatShape(expected)) {
      throw new DataError({
        where: 'ImageConditioner',
        expected: `conditions ${formatShape(expected)}`,
        got: formatShape(shape),
      });
    }
    return data.subarray(0, countOf(batch) * elementCount(this.inputShape));
  }

  embed(input: Tensor): Tensor3D {
    return this.#embedding.apply(input as Tensor4D);
  }
}
