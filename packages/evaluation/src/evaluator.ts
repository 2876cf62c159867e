import * as tf from '@tensorflow/tfjs-core';
import {
  assertImages,
  assertInteger,
  assertTokensInRange,
  checkOptions,
  concatenate,
  elementCount,
  mean,
  paddedBatches,
  takeRows,
  type HostImages,
  type OptionTable,
  type PerceptualLoss,
} from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import { codebookStatistics, paperCodebookUsage } from '@vitvq/quantizers';
import { vocabSizeOf, type EvaluatedTokenizer } from './evaluated-tokenizer.js';
import { createEvaluationStep, type EvaluationStepResult } from './evaluation-step.js';
import { cappedPsnr } from './psnr.js';

/** How a set of images uses the codes of a tokenizer. */
export interface CodebookUse {
  /**
   * Fraction of the codes that a batch of 256 images uses, averaged over the full batches of 256
   * among the images (arXiv:2110.04627, Table 4). Undefined for fewer than 256 images.
   */
  readonly paperUsage: number | undefined;
  /** Fraction of the codes that all images together use. */
  readonly usage: number;
  /** `exp` of the entropy of the codes' frequencies: K for a codebook that is used evenly. */
  readonly perplexity: number;
  /** Codes that no image uses. */
  readonly deadCodes: readonly number[];
  /** Number of uses of each code, `[K]`. */
  readonly counts: Float64Array;
}

/** How well a tokenizer reproduces a set of images. */
export interface Evaluation {
  /** Number of images, B. */
  readonly count: number;
  /** Mean of the PSNR of each image, in decibels; an image counts as 100 dB at most. */
  readonly psnr: number;
  /** Mean squared error over all values of all images. */
  readonly meanSquaredError: number;
  /** Mean over the images; undefined without a perceptual loss. */
  readonly perceptualDistance: number | undefined;
  /** PSNR of each image in decibels, `[B]`. */
  readonly psnrOfImages: Float64Array;
  /**
   * Use of the codes, by whatever level of a residual quantizer; undefined where latents are no
   * codes.
   */
  readonly codebook: CodebookUse | undefined;
  /**
   * Use of the codes by each level of a residual quantizer; one entry for other quantizers, none
   * where latents are no codes.
   */
  readonly levels: readonly CodebookUse[];
  /** Reconstructions, clamped to [0, 1], in the shape of the images. */
  readonly reconstructions: HostImages;
  /** Tokens in raster order, image after image; undefined where latents are no codes. */
  readonly indices: Int32Array | undefined;
}

/** Options of an {@link Evaluator}. */
export interface EvaluatorOptions {
  /** Number of images that are measured at once; it does not change the results. @default 64 */
  readonly batchSize?: number;
  /** Distance to measure as well, for example an `LPIPS` of @vitvq/losses. */
  readonly perceptual?: PerceptualLoss;
}

const evaluatorOptionNames: OptionTable<EvaluatorOptions> = {
  batchSize: 'optional',
  perceptual: 'optional',
};

/** Number of images of a batch in Table 4 of arXiv:2110.04627. */
const paperBatch = 256;

/**
 * Measures a tokenizer on images that it was not trained on; of one whose latents are no codes,
 * nothing is said of codes. The evaluator compiles for one batch
 * size and takes any number of images: it pads the last batch and drops the padding from the
 * results.
 *
 * Ownership: call `dispose()`; the tokenizer and the perceptual loss stay the caller's.
 */
export class Evaluator {
  readonly #vocabSize: number | undefined;
  readonly #batchSize: number;
  readonly #step: CompiledFunction<(images: tf.Tensor4D) => EvaluationStepResult>;

  /** @throws {ConfigError} unless the batch size is a positive integer */
  constructor(tokenizer: EvaluatedTokenizer, options: EvaluatorOptions = {}) {
    const { batchSize = 64, perceptual } = checkOptions(options, evaluatorOptionNames, 'Evaluator');
    this.#vocabSize = vocabSizeOf(tokenizer, 'Evaluator');
    assertInteger(batchSize, 'batchSize', 'Evaluator');
    this.#batchSize = batchSize;
    this.#step = compile(createEvaluationStep(tokenizer, { perceptual }), { name: 'evaluate' });
  }

  /**
   * Measures the tokenizer on the images.
   * @param images  values in [0, 1]
   * @throws {ShapeError} when there are no images, `data` does not fit `shape`, or channels come
   *   first
   * @throws {DataError} for values that are not in [0, 1], and when the tokenizer returns tokens
   *   that are no codes
   */
  async evaluate(images: HostImages): Promise<Evaluation> {
    assertImages(images, 'Evaluator.evaluate');
    const { data, shape } = images;
    const [count, ...imageShape] = shape;
    const pixels = elementCount(imageShape);
    const parts: BatchResult[] = [];
    for (const batch of paddedBatches(count, this.#batchSize)) {
      const rows = tf.tensor4d(takeRows(data, pixels, batch.rows), [this.#batchSize, ...imageShape]);
      parts.push(await this.#run(rows, batch.count));
    }
    const squaredErrors = concatenate(
      parts.map((part) => part.squaredErrors),
      Float32Array,
    );
    const distances = parts.flatMap((part) => part.perceptualDistances ?? []);
    const reconstructions = concatenate(
      parts.map((part) => part.reconstructions),
      Float32Array,
    );
    const psnrOfImages = Float64Array.from(squaredErrors, cappedPsnr);
    return {
      count,
      psnr: mean(psnrOfImages),
      meanSquaredError: mean(squaredErrors),
      perceptualDistance: distances.length > 0 ? mean(concatenate(distances, Float32Array)) : undefined,
      psnrOfImages,
      ...this.#useOfCodes(parts, count),
      reconstructions: { data: reconstructions, shape },
    };
  }

  /** @throws {DataError} for tokens that are no codes */
  #useOfCodes(parts: readonly BatchResult[], count: number): Pick<Evaluation, 'codebook' | 'levels' | 'indices'> {
    const vocabSize = this.#vocabSize;
    if (vocabSize === undefined) return { codebook: undefined, levels: [], indices: undefined };
    const tokens = parts.flatMap((part) => part.tokens ?? []);
    const indices = concatenate(
      tokens.map((part) => part.indices),
      Int32Array,
    );
    const { shape } = tokens[0]!;
    const [, codeDepth = 1] = shape;
    assertTokensInRange(indices, [count, ...shape], vocabSize, 'tokens', 'Evaluator.evaluate');
    return {
      codebook: codebookUse(indices, count, vocabSize),
      levels: Array.from({ length: codeDepth }, (_, level) =>
        codebookUse(
          indices.filter((_index, at) => at % codeDepth === level),
          count,
          vocabSize,
        ),
      ),
      indices,
    };
  }

  /** Frees the compiled function. */
  dispose(): void {
    this.#step.dispose();
  }

  /** Runs the step, disposes of the images and returns the results of the first `count` images. */
  async #run(images: tf.Tensor4D, count: number): Promise<BatchResult> {
    const result = await this.#step(images);
    const read = async (tensor: tf.Tensor): Promise<Float32Array | Int32Array> => {
      const values = (await tensor.data()) as Float32Array | Int32Array;
      return values.slice(0, (values.length / this.#batchSize) * count);
    };
    const { reconstructions, indices, squaredErrors, perceptualDistances } = result;
    const host = {
      reconstructions: (await read(reconstructions)) as Float32Array,
      squaredErrors: (await read(squaredErrors)) as Float32Array,
      perceptualDistances: perceptualDistances && ((await read(perceptualDistances)) as Float32Array),
      tokens: indices && { indices: (await read(indices)) as Int32Array, shape: indices.shape.slice(1) },
    };
    tf.dispose([images, result]);
    return host;
  }
}

interface BatchResult {
  readonly reconstructions: Float32Array;
  readonly squaredErrors: Float32Array;
  readonly perceptualDistances: Float32Array | undefined;
  /** Of a tokenizer that has some; `shape` is `[N]`, or `[N, L]` with a code depth of L. */
  readonly tokens: { readonly indices: Int32Array; readonly shape: readonly number[] } | undefined;
}

function codebookUse(indices: Int32Array, count: number, vocabSize: number): CodebookUse {
  const counts = new Float64Array(vocabSize);
  for (const index of indices) counts[index]!++;
  const { usage, perplexity, deadCodes } = codebookStatistics(counts);
  const perBatch = (indices.length / count) * paperBatch;
  const batches = Array.from({ length: Math.floor(count / paperBatch) }, (_, batch) =>
    indices.subarray(batch * perBatch, (batch + 1) * perBatch),
  );
  const paperUsage = batches.length > 0 ? paperCodebookUsage(batches, vocabSize) : undefined;
  return { paperUsage, usage, perplexity, deadCodes, counts };
}
