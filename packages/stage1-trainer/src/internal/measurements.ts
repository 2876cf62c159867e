import * as tf from '@tensorflow/tfjs-core';
import {
  concatenate,
  ConfigError,
  DataError,
  formatPercent,
  formatShape,
  assertImages,
  type HostImages,
  type PerceptualLoss,
} from '@vitvq/core';
import { compile } from '@vitvq/engine';
import { Evaluator, type CodebookUse, type Evaluation } from '@vitvq/evaluation';
import type { VQTokenizer } from '@vitvq/tokenizer';
import { drawGrid, LazyResources, type LossTerms, type TaskEvaluation, type TaskPreview } from '@vitvq/training';
import type { TokenizerEvaluation, TokenizerPreview } from '../events.js';
import type { TokenizerLossInputs } from '../loss-terms.js';
import { createTokenizerLoss, type LossValues } from '../loss.js';

/** Options of {@link Measurements}. */
export interface MeasurementOptions {
  readonly tokenizer: VQTokenizer;
  readonly perceptual?: PerceptualLoss;
  /** Terms of the caller, which evaluations measure too. */
  readonly losses: LossTerms<TokenizerLossInputs>;
  readonly evaluation?: { readonly images: HostImages; readonly batchSize?: number };
  readonly preview?: { readonly images: HostImages };
}

/** How the images of an evaluation use codes. */
interface UseOfCodes extends Pick<Evaluation, 'levels'> {
  readonly codebook: CodebookUse;
  readonly indices: Int32Array;
}

const lowUsage = 0.1;
const defaultBatchSize = 64;

/** Evaluations and previews of a tokenizer in training. */
export class Measurements {
  readonly #options: MeasurementOptions;
  readonly #batchSize: number;
  readonly #resources = new LazyResources();

  /**
   * @throws {ShapeError} for images of another layout
   * @throws {DataError} for other values, and where there are no images
   */
  constructor(options: MeasurementOptions) {
    const { evaluation, preview } = options;
    assertSome('evaluation', evaluation);
    assertSome('preview', preview);
    if (evaluation) assertImages(evaluation.images, 'createTokenizerTrainer evaluation.images');
    if (preview) assertImages(preview.images, 'createTokenizerTrainer preview.images');
    this.#options = options;
    this.#batchSize =
      evaluation?.batchSize ?? Math.min(defaultBatchSize, (evaluation ?? preview)?.images.shape[0] ?? defaultBatchSize);
  }

  /** Measures the tokenizer on held-out images. @throws {ConfigError} when there are none */
  async evaluate(): Promise<TaskEvaluation<TokenizerEvaluation>> {
    const { images } = present(this.#options.evaluation, 'images to evaluate');
    const evaluation = await this.#evaluator().evaluate(images);
    const { psnr, meanSquaredError, perceptualDistance, count, codebook, levels, indices } = evaluation;
    const lengths = await this.#lengths(images, psnr);
    const terms = await this.#terms(images);
    const metrics = {
      psnr,
      meanSquaredError,
      ...(perceptualDistance === undefined ? {} : { perceptualDistance }),
      ...(codebook && usageMetrics(codebook)),
      count,
      ...Object.fromEntries((lengths ?? []).map(({ tokens, psnr: value }) => [`psnrOf${tokens}Tokens`, value])),
      ...terms,
    };
    const { kl } = terms;
    return {
      metrics,
      evaluation: { ...evaluation, ...(lengths && { lengths }), ...(kl !== undefined && { kl }) },
      ...(codebook && indices && this.#codeFindings({ codebook, levels, indices })),
    };
  }

  /** Reconstructs a few fixed images. @throws {ConfigError} when there are none */
  async preview(): Promise<TaskPreview<TokenizerPreview>> {
    const { images: originals } = present(this.#options.preview, 'images to preview');
    const { reconstructions, psnr } = await this.#evaluator().evaluate(originals);
    const [count, ...size] = originals.shape;
    const both = {
      data: concatenate([originals.data, reconstructions.data], Float32Array),
      shape: [2 * count, ...size] as const,
    };
    return {
      preview: { originals, reconstructions, psnr },
      pictures: [drawGrid('reconstructions', both, count)],
    };
  }

  /** Frees compiled functions. */
  dispose(): void {
    this.#resources.dispose();
  }

  #evaluator(): Evaluator {
    const { tokenizer, perceptual } = this.#options;
    return this.#resources.once('evaluate', () => new Evaluator(tokenizer, { batchSize: this.#batchSize, perceptual }));
  }

  /** Measures images of their first tokens alone; `psnr` is that of all tokens. */
  async #lengths(images: HostImages, psnr: number): Promise<TokenizerEvaluation['lengths']> {
    const { tokenizer } = this.#options;
    const { nestedLengths } = tokenizer;
    if (!nestedLengths) return undefined;
    const lengths: { tokens: number; psnr: number }[] = [];
    for (const tokens of nestedLengths.slice(0, -1)) {
      const evaluator = this.#resources.once(
        `evaluate ${tokens} tokens`,
        () => new Evaluator(tokenizer.firstTokens(tokens), { batchSize: this.#batchSize }),
      );
      lengths.push({ tokens, psnr: (await evaluator.evaluate(images)).psnr });
    }
    return [...lengths, { tokens: nestedLengths.at(-1)!, psnr }];
  }

  /** Returns what the use of codes shows. */
  #codeFindings({
    codebook,
    levels,
    indices,
  }: UseOfCodes): Pick<TaskEvaluation<TokenizerEvaluation>, 'warnings' | 'histograms'> {
    const { vocabSize, quantizer } = this.#options.tokenizer;
    const reachable = Math.min(1, indices.length / levels.length / vocabSize);
    return {
      warnings: levels.flatMap((level, index) =>
        level.usage < lowUsage * reachable
          ? [lowUsageWarning(level.usage, levels.length > 1 ? index : undefined, quantizer.codebook === undefined)]
          : [],
      ),
      histograms: { 'codebook/uses of a code': codebook.counts },
    };
  }

  /**
   * Returns the caller's terms on images, and the divergence of latents that are no codes, means
   * over batches in proportion to their size.
   */
  async #terms({ data, shape }: HostImages): Promise<Record<string, number>> {
    const { tokenizer, losses } = this.#options;
    const names = Object.keys(losses);
    if (names.length === 0 && !tokenizer.isContinuous) return {};
    const run = this.#resources.once('evaluate losses', () => {
      const loss = createTokenizerLoss({ tokenizer, weights: { quantizer: 0 }, losses });
      return compile(
        (images: tf.Tensor4D): LossValues =>
          tf.tidy(() => {
            const { loss: total, kl, ...values } = loss(images);
            const own = Object.fromEntries(names.map((name) => [name, values[name]!]));
            // Never empty, as a compiled function has results.
            return { total: total!, ...own, ...(kl && { kl }) };
          }),
        { name: 'evaluate losses' },
      );
    });
    const [count, height, width, channels] = shape;
    const pixels = height * width * channels;
    const means: Record<string, number> = {};
    for (let start = 0; start < count; start += this.#batchSize) {
      const size = Math.min(this.#batchSize, count - start);
      const rows = data.subarray(start * pixels, (start + size) * pixels);
      const images = tf.tensor4d(rows, [size, height, width, channels]);
      const values = await run(images);
      for (const [name, value] of Object.entries(values)) {
        if (name !== 'total') means[name] = (means[name] ?? 0) + ((await value.data())[0]! * size) / count;
      }
      tf.dispose([images, values]);
    }
    return means;
  }
}

/** Returns what logs show of the use of codes. */
function usageMetrics({ usage, paperUsage, perplexity }: CodebookUse): Record<string, number> {
  return { usage, ...(paperUsage === undefined ? {} : { paperUsage }), perplexity };
}

function present<T>(given: T | undefined, what: string): T {
  if (given) return given;
  throw new ConfigError({ where: 'createTokenizerTrainer', expected: what, got: 'none' });
}

/** @throws {DataError} when there are no images */
function assertSome(option: 'evaluation' | 'preview', given: { readonly images: HostImages } | undefined): void {
  if (!given || given.images.shape[0] > 0) return;
  throw new DataError({
    where: `createTokenizerTrainer ${option}.images`,
    expected: 'at least one image',
    got: formatShape(given.images.shape),
    fix: `Hold images out, or leave ${option} away.`,
  });
}

function lowUsageWarning(
  usage: number,
  level: number | undefined,
  hasFixedCodes: boolean,
): { readonly code: string; readonly message: string } {
  const place = level === undefined ? '' : ` at level ${level}`;
  const remedy = hasFixedCodes
    ? 'They are fixed: fewer levels or bits would do.'
    : 'Reset dead codes, initialize the codebook from data, or lower codeDim: docs/codebook-health.md shows what helps.';
  return {
    code: 'low-codebook-usage',
    message: `Only ${formatPercent(usage)} of the codes are in use${place}. ${remedy}`,
  };
}
