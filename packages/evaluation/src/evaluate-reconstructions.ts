import * as tf from '@tensorflow/tfjs-core';
import {
  assertTokensInRange,
  checkOptions,
  firstImages,
  foldIn,
  mean,
  randomKey,
  type HostImages,
  type OptionTable,
  type PerceptualLoss,
  type RandomKey,
  type VariableOwner,
} from '@vitvq/core';
import { compile } from '@vitvq/engine';
import { codebookStatistics } from '@vitvq/quantizers';
import { circumstancesOf, createCard, type CardFigure, type Circumstances } from './cards/create-card.js';
import type { MetricCard } from './cards/metric-card.js';
import { vocabSizeOf, type EvaluatedTokenizer } from './evaluated-tokenizer.js';
import { bootstrapInterval } from './confidence-interval.js';
import type { EvaluationProgress } from './evaluate-images.js';
import { createEvaluationStep, type EvaluationStepResult } from './evaluation-step.js';
import type { FeatureExtractor } from './feature-extractor.js';
import { FeatureMetrics, type FeatureMetricConfig, type FeatureMetricName } from './feature-metrics/kinds.js';
import { MeasuredImages } from './feature-metrics/measured-images.js';
import { ImageSetHash } from './image-set-hash.js';
import { assertImagePairs } from './images/image-pairs.js';
import { msSSIM, smallestSideOfMsSSIM } from './images/ms-ssim.js';
import { smallestSideOfSSIM, ssim } from './images/ssim.js';
import { CompiledExtractor } from './internal/compiled-extractor.js';
import { readBatches, type OpenBatches } from './internal/read-batches.js';
import { cappedPsnr } from './psnr.js';
import { weightsHash } from './weights-hash.js';

/** A perceptual loss whose distances are measured. */
export interface NamedPerceptualLoss {
  /** Name for cards, such as `LPIPS on VGG16`. */
  readonly name: string;
  /** Such as what `loadLPIPS` returns; it stays the caller's. */
  readonly loss: PerceptualLoss & Pick<VariableOwner, 'namedVariables'>;
}

/** Options of {@link evaluateReconstructions}. */
export interface EvaluateReconstructionsOptions extends Omit<Circumstances, 'guidance' | 'drawing'> {
  /** Opens the images to reconstruct. */
  readonly images: OpenBatches;
  /** Distance to measure as well. */
  readonly perceptual?: NamedPerceptualLoss;
  /** Network whose features of originals and reconstructions are compared: rFID. */
  readonly extractor?: FeatureExtractor;
  /** Metrics of features, by name or as configs. @default Fréchet distance */
  readonly metrics?: readonly (FeatureMetricName | FeatureMetricConfig)[];
  /** Called after each batch. */
  readonly onProgress?: (progress: EvaluationProgress) => void;
  /** Ends the measurement with the signal's reason. */
  readonly signal?: AbortSignal;
}

const optionNames: OptionTable<EvaluateReconstructionsOptions> = {
  images: 'required',
  perceptual: 'optional',
  extractor: 'optional',
  metrics: 'optional',
  seed: 'required',
  resize: 'optional',
  onProgress: 'optional',
  signal: 'optional',
};

const perceptualNames: OptionTable<NamedPerceptualLoss> = { name: 'required', loss: 'required' };

const where = 'evaluateReconstructions';

/** Metrics with one value an image. */
type ImageMetric = 'psnr' | 'ssim' | 'ms-ssim';

/**
 * Measures the reconstructions of a tokenizer in one pass over images that it was not trained on:
 * PSNR, SSIM from 11 x 11 pixels on, MS-SSIM from 161 x 161 pixels on, perceptual distance and
 * metrics of features where a network is given, usage and perplexity of codes where there are some.
 * Each mean has
 * its bootstrap interval. Reconstructions are clamped to [0, 1].
 * @param tokenizer  stays the caller's, as the networks do
 * @throws {ConfigError} for options that do not exist, and a tokenizer that is none
 * @throws {DataError} for images that are none, too few for a metric, and tokens that are no codes
 */
export async function evaluateReconstructions(
  tokenizer: EvaluatedTokenizer,
  options: EvaluateReconstructionsOptions,
): Promise<MetricCard[]> {
  const vocabSize = vocabSizeOf(tokenizer, where);
  const {
    images: open,
    perceptual,
    extractor,
    metrics = ['frechet-distance'],
    onProgress,
    signal,
    ...told
  } = checkOptions(options, optionNames, where);
  if (perceptual) checkOptions(perceptual, perceptualNames, `${where}, perceptual`);
  const circumstances = circumstancesOf(told, where);
  const chosen = new FeatureMetrics(metrics, where);
  const compiled = extractor && new CompiledExtractor(extractor, where);
  const step = compile(createEvaluationStep(tokenizer, { perceptual: perceptual?.loss }), {
    name: 'evaluate',
    variables: 'frozen',
  });
  const seen = new Measurements(vocabSize);
  const real = new MeasuredImages(chosen.needs('real'), `${where}, originals`);
  const generated = new MeasuredImages(chosen.needs('generated'), `${where}, reconstructions`);
  try {
    for await (const { images, count, labels } of readBatches(open, `${where}, images`, signal)) {
      const tensor = tf.tensor4d(images.data, [...images.shape]);
      let result: EvaluationStepResult | undefined;
      try {
        result = await step(tensor);
        await seen.add(images, result, count);
        if (compiled) {
          real.add(await compiled.read(tensor, count), labels);
          generated.add(await compiled.read(result.reconstructions, count), labels);
        }
      } finally {
        tf.dispose([tensor, result ?? []]);
      }
      onProgress?.({ part: 'reconstructed', images: seen.originals.images });
    }
    const key = randomKey(circumstances.seed);
    const figures = seen.imageFigures(key);
    if (perceptual) figures.push(await seen.perceptualFigure(perceptual, foldIn(key, figures.length)));
    if (extractor) {
      const sides = { real, generated, key: foldIn(key, figures.length), signal };
      figures.push(...(await chosen.measure(sides)).map((figure) => ({ ...figure, extractor })));
    }
    figures.push(...seen.codeFigures());
    const sets = { measured: seen.reconstructions.result(), reference: seen.originals.result() };
    const basis = { ...circumstances, ...sets, subject: 'reconstructed', imageSize: seen.imageSize } as const;
    return figures.map((figure) => createCard(figure, basis, where));
  } finally {
    compiled?.dispose();
    step.dispose();
  }
}

/** What is kept of the images of all batches. */
class Measurements {
  readonly originals = new ImageSetHash();
  readonly reconstructions = new ImageSetHash();
  imageSize: readonly [number, number] = [0, 0];
  readonly #values = new Map<ImageMetric, number[]>();
  readonly #distances: number[] = [];
  /** Number of uses of each code; undefined without codes. */
  readonly #uses: Float64Array | undefined;

  constructor(vocabSize: number | undefined) {
    this.#uses = vocabSize === undefined ? undefined : new Float64Array(vocabSize);
  }

  /**
   * Adds the first `count` images of a batch.
   * @throws {DataError} for reconstructions that are not finite, and tokens that are no codes
   */
  async add(images: HostImages, result: EvaluationStepResult, count: number): Promise<void> {
    const values = (await result.reconstructions.data<'float32'>()).slice();
    const [own, made] = [images, { ...images, data: values }].map((batch) => firstImages(batch, count));
    assertImagePairs(own!, made!, where);
    this.#addTo('psnr', (await result.squaredErrors.data<'float32'>()).slice(0, count), cappedPsnr);
    const side = Math.min(images.shape[1], images.shape[2]);
    if (side >= smallestSideOfSSIM) this.#addTo('ssim', ssim(own!, made!));
    if (side >= smallestSideOfMsSSIM()) this.#addTo('ms-ssim', msSSIM(own!, made!));
    const distances = await result.perceptualDistances?.data<'float32'>();
    if (distances) this.#distances.push(...distances.slice(0, count));
    const { indices } = result;
    if (indices) this.#addCodes(await indices.data<'int32'>(), indices.shape, count);
    this.originals.add(images, count);
    this.reconstructions.add(made!, count);
    this.imageSize = [images.shape[1], images.shape[2]];
  }

  /** Returns a figure of each metric of images: the mean over them. */
  imageFigures(key: RandomKey): CardFigure[] {
    return [...this.#values].map(([metric, own], place) => meanFigure(metric, own, foldIn(key, place)));
  }

  async perceptualFigure({ name, loss }: NamedPerceptualLoss, key: RandomKey): Promise<CardFigure> {
    const extractor = { name, hash: await weightsHash(loss, name), inputSize: this.imageSize };
    return { ...meanFigure('perceptual-distance', this.#distances, key), extractor };
  }

  codeFigures(): CardFigure[] {
    if (!this.#uses) return [];
    const { usage, perplexity } = codebookStatistics(this.#uses);
    const settings = { codes: this.#uses.length };
    const common = { interval: null, settings, floor: null, extractor: null, usesReference: true };
    return [
      { ...common, metric: 'codebook-usage', value: usage },
      { ...common, metric: 'codebook-perplexity', value: perplexity },
    ];
  }

  #addTo(metric: ImageMetric, own: Iterable<number>, change = (value: number): number => value): void {
    const all = this.#values.get(metric) ?? [];
    for (const value of own) all.push(change(value));
    this.#values.set(metric, all);
  }

  #addCodes(indices: Int32Array, shape: readonly number[], count: number): void {
    const uses = this.#uses!;
    const own = indices.subarray(0, (indices.length / shape[0]!) * count);
    assertTokensInRange(own, [count, ...shape.slice(1)], uses.length, 'tokens', where);
    for (const index of own) uses[index]!++;
  }
}

function meanFigure(metric: CardFigure['metric'], values: readonly number[], key: RandomKey): CardFigure {
  const settings: CardFigure['settings'] = metric === 'ssim' ? { window: 'gaussian' } : {};
  const interval = bootstrapInterval(values, { key });
  return { metric, value: mean(values), interval, settings, floor: null, extractor: null, usesReference: true };
}
