import type { ImageBatch } from '@vitvq/core';
import { createBatches, type ImageDataset, type SkippedImage } from '@vitvq/data';
import {
  evaluateImages,
  evaluateReconstructions,
  saveProxyClassifier,
  trainProxyClassifier,
  type EvaluationProgress,
  type FeatureExtractor,
  type FeatureMetricConfig,
  type FeatureMetricName,
  type MetricCard,
  type NamedPerceptualLoss,
  type ProxyClassifier,
} from '@vitvq/evaluation';
import type { VQTokenizer } from '@vitvq/tokenizer';
import { ClassConditioner, type AnyConditioner, type AnyTokenModel } from '@vitvq/transformers';
import type { ResolvedProxy, ResolvedRunConfig } from './config/run-config.js';
import { CountProgress } from './count-progress.js';
import { drawBatches, usedCandidates } from './generate-images.js';
import { imageSizeOf } from './image-size.js';
import { keyOf } from './keys.js';
import type { RunView } from './run-progress.js';
import { wantedImages } from './wanted-images.js';

/** What draws images, how, and how many. */
interface Generated {
  readonly model: AnyTokenModel;
  readonly conditioner: AnyConditioner;
  readonly count: number;
  readonly samples: Omit<ResolvedRunConfig['samples'], 'perClass'>;
}

/** What {@link measureModels} measures, and with what. */
export interface MeasureModelsOptions {
  readonly tokenizer: VQTokenizer;
  /** Real images that nothing has learned from. */
  readonly source: ImageDataset;
  /** What draws the images that are measured, and how many. @default none are measured */
  readonly generated?: Generated;
  readonly extractor?: FeatureExtractor;
  readonly perceptual?: NamedPerceptualLoss;
  readonly seed: number;
  readonly batchSize: number;
  readonly view: RunView;
  readonly onSkip: (image: SkippedImage) => void;
  readonly signal?: AbortSignal;
}

/**
 * Measures what a tokenizer makes of images, and with a feature extractor the images that a
 * transformer draws. Real images are scaled until they cover the tokenizer's size, and cropped at
 * the centre.
 */
export async function measureModels(options: MeasureModelsOptions): Promise<MetricCard[]> {
  const { tokenizer, source, generated, extractor, perceptual, seed, batchSize, view, onSkip, signal } = options;
  const imageSize = imageSizeOf(tokenizer);
  const real = (): AsyncIterable<ImageBatch> =>
    createBatches(source, { batchSize, imageSize, lastBatch: 'partial', epochs: 1, onSkip });
  const resize = `scaled to cover ${imageSize.join(' x ')} pixels, cropped at the centre`;
  const hasClasses = source.classNames.length > 1;
  const shared = { seed, resize, signal };
  const reconstructed = progressOf(view, source.length, signal);
  const cards = await evaluateReconstructions(tokenizer, {
    ...shared,
    images: real,
    perceptual,
    ...(extractor && { extractor, metrics: metricsOf(extractor, hasClasses, source.length) }),
    onProgress: reconstructed.update,
  }).finally(reconstructed.stop);
  if (extractor === undefined || generated === undefined || generated.count === 0) return cards;
  const drawn = progressOf(view, source.length + generated.count, signal);
  const isOfClasses = hasClasses && generated.conditioner instanceof ClassConditioner;
  const metrics = metricsOf(extractor, isOfClasses, generated.count);
  const ofGenerated = await evaluateImages({
    ...shared,
    real,
    generated: () => draw(options, generated),
    extractor,
    metrics,
    guidance: generated.samples.guidanceScale,
    drawing: drawingOf(generated),
    onProgress: drawn.update,
  }).finally(drawn.stop);
  return [...cards, ...ofGenerated];
}

/** Groups of two images or more that the interval of a Fréchet distance leaves out in turn. */
const usualGroups = 10;

/** Returns what is measured with the features of a network on so many images. */
function metricsOf(
  { isProxy = false }: FeatureExtractor,
  hasClasses: boolean,
  count: number,
): (FeatureMetricName | FeatureMetricConfig)[] {
  return [
    { kind: 'frechet-distance', groups: Math.min(usualGroups, Math.floor(count / 2)) },
    'precision-recall',
    // A proxy knows the classes of the images; other networks have classes of their own.
    ...(isProxy && hasClasses ? (['class-accuracy'] as const) : []),
    ...(isProxy ? [] : (['kernel-distance'] as const)),
  ];
}

/** Says for cards how images are drawn, beside guidance: what is not as by default. */
function drawingOf({ model, conditioner, samples }: Omit<Generated, 'count'>): MetricCard['drawing'] {
  const { topK, topP, temperature, decoding, sureEnough } = samples;
  const candidates = usedCandidates({ model, conditioner }, samples.candidates);
  return {
    ...(topK !== null && { topK }),
    ...(topP !== null && { topP }),
    ...(temperature !== 1 && { temperature }),
    ...(decoding !== null && { decoding: JSON.stringify(decoding) }),
    ...(candidates > 1 && { candidates }),
    ...(candidates > 1 && sureEnough < 1 && { sureEnough }),
  };
}

/** Draws images as they are measured, so that none is kept: every class, or text, in turn. */
async function* draw(
  { tokenizer, source, seed, onSkip, signal }: MeasureModelsOptions,
  { model, conditioner, count, samples }: Generated,
): AsyncGenerator<ImageBatch, void> {
  const asked = await wantedImages({ conditioner, source, imageSize: imageSizeOf(tokenizer), onSkip }, count);
  const { classes } = asked;
  const seeds = Array.from({ length: count }, (_, index) => seed + index);
  const wanted = { ...samples, ...asked, seeds, signal };
  let start = 0;
  for await (const { images } of drawBatches({ tokenizer, model, conditioner }, wanted)) {
    const [size] = images.shape;
    const labels = classes && Int32Array.from(classes.slice(start, start + size));
    yield { images: images.data, shape: images.shape, ...(labels && { labels }) };
    start += size;
  }
}

/** Shows how many images are measured, of all parts together. */
function progressOf(
  view: RunView,
  total: number,
  signal: AbortSignal | undefined,
): { readonly update: (progress: EvaluationProgress) => void; readonly stop: () => void } {
  const progress = new CountProgress(view.openProgress({ show: [], signal }), total);
  const done = new Map<string, number>();
  return {
    update: ({ part, images }) => {
      done.set(part, images);
      progress.update([...done.values()].reduce((sum, value) => sum + value, 0));
    },
    stop: () => progress.stop(),
  };
}

/** What {@link trainProxy} learns from. */
export interface TrainProxyOptions {
  /** Images with classes. */
  readonly train: ImageDataset;
  /** Other images, which the proxy's accuracy is measured on. */
  readonly test: ImageDataset;
  readonly imageSize: readonly [number, number];
  readonly proxy: ResolvedProxy;
  /** Where it is saved. */
  readonly file: string;
  readonly seed: number;
  readonly view: RunView;
  readonly onSkip: (image: SkippedImage) => void;
  readonly signal?: AbortSignal;
}

/**
 * Trains and saves the classifier that stands in for the network that the field measures with,
 * where nobody's weights are at hand. The current engine computes.
 */
export async function trainProxy(options: TrainProxyOptions): Promise<ProxyClassifier> {
  const { train, test, imageSize, proxy: config, file, seed, view, onSkip, signal } = options;
  const { steps, channels, inputSize } = config;
  const batchSize = Math.min(config.batchSize, train.length);
  const progress = new CountProgress(view.openProgress({ show: [], unit: 'steps', signal }), steps);
  try {
    const proxy = await trainProxyClassifier({
      classes: train.classNames.length,
      classNames: train.classNames,
      channels: [...channels],
      inputSize: [...inputSize],
      images: () =>
        createBatches(train, { batchSize, imageSize, flip: true, shuffle: true, key: keyOf(seed, 'proxy'), onSkip }),
      test: () => createBatches(test, { batchSize, imageSize, lastBatch: 'partial', epochs: 1, onSkip }),
      steps,
      seed,
      onProgress: ({ step }) => progress.update(step),
      signal,
    });
    const { accuracy } = proxy.facts;
    if (accuracy !== null) view.log(`  proxy classifier: ${(100 * accuracy).toFixed(1)} % of real images`);
    await saveProxyClassifier(file, proxy);
    return proxy;
  } finally {
    progress.stop();
  }
}
