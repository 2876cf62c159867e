import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, formatShape, ShapeError, type HostImages, type PerceptualLoss } from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import { codebookStatistics, paperCodebookUsage } from '@vitvq/quantizers';
import type { ViTVQ } from '@vitvq/tokenizer';
import { createEvaluationStep, type EvaluationStepResult } from './evaluation-step.js';
import { psnr } from './psnr.js';

export interface Evaluation {
  /** Number of images, B. */
  readonly count: number;
  /** Decibels; mean over the images of each image's PSNR, that of an image counting 100 at most. */
  readonly psnr: number;
  /** Mean squared error over all images. */
  readonly meanSquaredError: number;
  /** Mean over the images; undefined without a perceptual loss. */
  readonly perceptualDistance: number | undefined;
  /** `[B]` decibels. */
  readonly psnrOfImages: Float64Array;
  readonly codebook: {
    /**
     * Share of codes that a batch of 256 images uses, mean over the full batches of 256 among the images (arXiv:2110.04627,
     * Table 4). Undefined for fewer than 256 images.
     */
    readonly paperUsage: number | undefined;
    /** Share of codes that the images use, all together. */
    readonly usage: number;
    /** 2^entropy of the codes' frequencies: how many codes the images would use if they used them evenly. */
    readonly perplexity: number;
    /** Codes that no image uses. */
    readonly deadCodes: readonly number[];
    /** How often each code was used, `[K]`. */
    readonly counts: Float64Array;
  };
  /** Clamped to [0, 1], same shape as the images. */
  readonly reconstructions: HostImages;
  /** Tokens in raster order, image after image. */
  readonly indices: Int32Array;
}

export interface EvaluatorOptions {
  /** Images at once; no effect on the results. @default 64 */
  readonly batchSize?: number;
  /** Measured too; an `LPIPS` of @vitvq/losses is one. */
  readonly perceptual?: PerceptualLoss;
}

const paperBatch = 256;

/** An image that is reproduced exactly has infinite PSNR; this keeps means finite. */
const maximumPsnr = 100;

/**
 * Measures a tokenizer on images it has not seen. Compiles once for one batch size and runs any number of images: the last
 * batch is filled up with its first image, which is then left out of all results.
 */
export class Evaluator {
  readonly #tokenizer: ViTVQ;
  readonly #batchSize: number;
  readonly #step: CompiledFunction<(images: tf.Tensor4D) => EvaluationStepResult>;

  /** @throws {ConfigError} */
  constructor(tokenizer: ViTVQ, { batchSize = 64, perceptual }: EvaluatorOptions = {}) {
    assertInteger(batchSize, 'batchSize', 'Evaluator');
    this.#tokenizer = tokenizer;
    this.#batchSize = batchSize;
    this.#step = compile(createEvaluationStep(tokenizer, { perceptual }), { name: 'evaluate' });
  }

  /** @throws {ShapeError} when there are no images, or `data` does not fit `shape` */
  async evaluate({ data, shape }: HostImages): Promise<Evaluation> {
    const [count, ...imageShape] = shape;
    const pixels = imageShape.reduce((product, size) => product * size, 1);
    if (count < 1 || data.length !== count * pixels) {
      throw new ShapeError({
        where: 'Evaluator.evaluate',
        expected: `values of images ${formatShape(shape)}`,
        got: `${data.length} values`,
      });
    }
    const reconstructions = new Float32Array(data.length);
    const squaredErrors = new Float64Array(count);
    const distances: Float32Array[] = [];
    const parts: Int32Array[] = [];
    for (let start = 0; start < count; start += this.#batchSize) {
      const size = Math.min(this.#batchSize, count - start);
      const batch = await this.#run(
        fillUp(data.subarray(start * pixels, (start + size) * pixels), this.#batchSize, pixels),
        [this.#batchSize, ...imageShape],
      );
      reconstructions.set(batch.reconstructions.subarray(0, size * pixels), start * pixels);
      squaredErrors.set(batch.squaredErrors.subarray(0, size), start);
      if (batch.perceptualDistances) distances.push(batch.perceptualDistances.subarray(0, size));
      parts.push(batch.indices.slice(0, (batch.indices.length / this.#batchSize) * size));
    }
    const indices = concatenate(parts);
    const psnrOfImages = squaredErrors.map((error) => Math.min(maximumPsnr, psnr(error)));
    return {
      count,
      psnr: mean(psnrOfImages),
      meanSquaredError: mean(squaredErrors),
      perceptualDistance: distances.length > 0 ? mean(distances.flatMap((part) => [...part])) : undefined,
      psnrOfImages,
      codebook: this.#codebook(indices, count),
      reconstructions: { data: reconstructions, shape },
      indices,
    };
  }

  dispose(): void {
    this.#step.dispose();
  }

  async #run(data: Float32Array, shape: number[]): Promise<HostResult> {
    const images = tf.tensor4d(data, shape as [number, number, number, number]);
    const result = await this.#step(images);
    const { reconstructions, indices, squaredErrors, perceptualDistances } = result;
    const host = {
      reconstructions: (await reconstructions.data()) as Float32Array,
      indices: (await indices.data()) as Int32Array,
      squaredErrors: (await squaredErrors.data()) as Float32Array,
      perceptualDistances: (await perceptualDistances?.data()) as Float32Array | undefined,
    };
    tf.dispose([images, result]);
    return host;
  }

  #codebook(indices: Int32Array, count: number): Evaluation['codebook'] {
    const { vocabSize } = this.#tokenizer;
    const counts = new Float64Array(vocabSize);
    for (const index of indices) counts[index]!++;
    const { usage, perplexity, deadCodes } = codebookStatistics(counts);
    const paperBatches = Math.floor(count / paperBatch);
    const perBatch = (indices.length / count) * paperBatch;
    const paperUsage = paperBatches
      ? paperCodebookUsage(
          Array.from({ length: paperBatches }, (_, batch) =>
            indices.subarray(batch * perBatch, (batch + 1) * perBatch),
          ),
          vocabSize,
        )
      : undefined;
    return { paperUsage, usage, perplexity, deadCodes, counts };
  }
}

interface HostResult {
  readonly reconstructions: Float32Array;
  readonly indices: Int32Array;
  readonly squaredErrors: Float32Array;
  readonly perceptualDistances: Float32Array | undefined;
}

function fillUp(images: Float32Array, batchSize: number, pixels: number): Float32Array {
  const filled = new Float32Array(batchSize * pixels);
  filled.set(images);
  for (let at = images.length; at < filled.length; at += pixels) filled.set(images.subarray(0, pixels), at);
  return filled;
}

function concatenate(parts: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function mean(values: ArrayLike<number>): number {
  return (
    Array.prototype.reduce.call<ArrayLike<number>, [(sum: number, value: number) => number, number], number>(
      values,
      (sum, value) => sum + value,
      0,
    ) / values.length
  );
}
