import * as tf from '@tensorflow/tfjs-core';
import {
  assertMembers,
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
  type Tokenizer,
  type VariableOwner,
} from '@vitvq/core';
import { compile } from '@vitvq/engine';
import { codebookStatistics } from '@vitvq/quantizers';
import { circumstancesOf, createCard, type CardFigure, type Circumstances } from './cards/create-card.js';
import type { MetricCard } from './cards/metric-card.js';
import { bootstrapInterval } from './confidence-interval.js';
import type { EvaluationProgress } from './evaluate-images.js';
import { createEvaluationStep } from './evaluation-step.js';
import type { FeatureExtractor } from './feature-extractor.js';
import { FeatureMetrics, type FeatureMetricConfig, type FeatureMetricName } from './feature-metrics/kinds.js';
import { MeasuredImages } from './feature-metrics/measured-images.js';
import { ImageSetHash } from './image-set-hash.js';
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
export interface EvaluateReconstructionsOptions extends Omit<Circumstances, 'guidance'> {
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
 * metrics of features where a network is given, usage and perplexity of the codes. Each mean has
 * its bootstrap interval. Reconstructions are clamped to [0, 1].
 * @param tokenizer  stays the caller's, as the networks do
 * @throws {ConfigError} for options that do not exist, and a tokenizer that is none
 * @throws {DataError} for images that are none, too few for a metric, and tokens that are no codes
 */
export async function evaluateReconstructions(
  tokenizer: Pick<Tokenizer, 'vocabSize' | 'encode' | 'decode'>,
  options: EvaluateReconstructionsOptions,
): Promise<MetricCard[]> {
  assertMembers(tokenizer, ['vocabSize', 'encode', 'decode'], 'the tokenizer', where);
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
  const key = randomKey(circumstances.seed);
  const chosen = new FeatureMetrics(metrics, where);
  const compiled = extractor && new CompiledExtractor(extractor, where);
  const step = compile(createEvaluationStep(tokenizer, { perceptual: perceptual?.loss }), {
    name: 'evaluate',
    variables: 'frozen',
  });
  const [real, generated] = (['real', 'generated'] as const).map(
    (side) => new MeasuredImages(chosen.needs(side), `${where}, ${side === 'real' ? 'originals' : 'reconstructions'}`),
  );
  const [originals, reconstructions] = [new ImageSetHash(), new ImageSetHash()];
  const values = new Map<ImageMetric, number[]>();
  const distances: number[] = [];
  const uses = new Float64Array(tokenizer.vocabSize);
  let imageSize: readonly [number, number] = [0, 0];
  try {
    for await (const { images, count, labels } of readBatches(open, `${where}, images`, signal)) {
      const tensor = tf.tensor4d(images.data, [...images.shape]);
      const result = await step(tensor);
      try {
        if (compiled) {
          real!.add(await compiled.read(tensor, count), labels);
          generated!.add(await compiled.read(result.reconstructions, count), labels);
        }
        const made = { ...images, data: (await result.reconstructions.data<'float32'>()).slice() };
        const errors = Array.from(await result.squaredErrors.data()).slice(0, count);
        addTo(values, 'psnr', errors.map(cappedPsnr));
        addSimilarities(values, firstImages(images, count), firstImages(made, count));
        const own = result.perceptualDistances && (await result.perceptualDistances.data());
        if (own) distances.push(...own.slice(0, count));
        countCodes(uses, await result.indices.data<'int32'>(), result.indices.shape, count);
        originals.add(images, count);
        reconstructions.add(made, count);
      } finally {
        tf.dispose([tensor, result]);
      }
      imageSize = [images.shape[1], images.shape[2]];
      onProgress?.({ part: 'reconstructed', images: originals.images });
    }
    const figures = imageFigures(values, key);
    if (perceptual) figures.push(await perceptualFigure(perceptual, distances, imageSize, foldIn(key, figures.length)));
    if (extractor) {
      const sides = { real: real!, generated: generated!, key: foldIn(key, figures.length), signal };
      figures.push(...(await chosen.measure(sides)).map((figure) => ({ ...figure, extractor })));
    }
    figures.push(...codeFigures(uses));
    const basis = {
      ...circumstances,
      subject: 'reconstructed',
      measured: reconstructions.result(),
      reference: originals.result(),
    } as const;
    return figures.map((figure) => createCard(figure, { ...basis, imageSize }, where));
  } finally {
    compiled?.dispose();
    step.dispose();
  }
}

function addTo(values: Map<ImageMetric, number[]>, metric: ImageMetric, own: ArrayLike<number>): void {
  const all = values.get(metric) ?? [];
  for (let image = 0; image < own.length; image++) all.push(own[image]!);
  values.set(metric, all);
}

/** Adds the similarities that images of this size have. */
function addSimilarities(values: Map<ImageMetric, number[]>, originals: HostImages, made: HostImages): void {
  const side = Math.min(originals.shape[1], originals.shape[2]);
  if (side >= smallestSideOfSSIM) addTo(values, 'ssim', ssim(originals, made));
  if (side >= smallestSideOfMsSSIM()) addTo(values, 'ms-ssim', msSSIM(originals, made));
}

/** Returns a figure of each metric: the mean over the images. */
function imageFigures(values: ReadonlyMap<ImageMetric, readonly number[]>, key: RandomKey): CardFigure[] {
  return [...values].map(([metric, own], place) => meanFigure(metric, own, foldIn(key, place)));
}

async function perceptualFigure(
  { name, loss }: NamedPerceptualLoss,
  distances: readonly number[],
  inputSize: readonly [number, number],
  key: RandomKey,
): Promise<CardFigure> {
  const extractor = { name, hash: await weightsHash(loss, name), inputSize };
  return { ...meanFigure('perceptual-distance', distances, key), extractor };
}

function meanFigure(metric: CardFigure['metric'], values: readonly number[], key: RandomKey): CardFigure {
  const settings: CardFigure['settings'] = metric === 'ssim' ? { window: 'gaussian' } : {};
  const interval = bootstrapInterval(values, { key });
  return { metric, value: mean(values), interval, settings, floor: null, extractor: null, usesReference: true };
}

/** Adds the codes of the first `count` images. */
function countCodes(uses: Float64Array, indices: Int32Array, shape: readonly number[], count: number): void {
  const own = indices.subarray(0, (indices.length / shape[0]!) * count);
  assertTokensInRange(own, [count, ...shape.slice(1)], uses.length, 'tokens', where);
  for (const index of own) uses[index]!++;
}

function codeFigures(uses: Float64Array): CardFigure[] {
  const { usage, perplexity } = codebookStatistics(uses);
  const common = {
    interval: null,
    settings: { codes: uses.length },
    floor: null,
    extractor: null,
    usesReference: true,
  };
  return [
    { ...common, metric: 'codebook-usage', value: usage },
    { ...common, metric: 'codebook-perplexity', value: perplexity },
  ];
}
