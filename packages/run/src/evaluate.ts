import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '@vitvq/core';
import { openDataSource, type DataSourceConfig, type SkippedImage } from '@vitvq/data';
import {
  loadFeatureExtractor,
  loadLPIPS,
  loadProxyClassifier,
  type FeatureExtractor,
  type MetricCard,
} from '@vitvq/evaluation';
import type { VQTokenizer } from '@vitvq/tokenizer';
import { imageSizeOf } from './image-size.js';
import { measureModels, trainProxy } from './measure-models.js';
import { loadRunTokenizer, loadRunTransformer, openRun, type OpenedRun } from './open-run.js';
import { proxyFile } from './run-files.js';
import { someOf, openRunImages } from './run-images.js';
import { collectSkipped } from './skip-collector.js';
import { silentView, type RunView } from './run-progress.js';

/** Options of {@link evaluate}. */
export interface EvaluateOptions {
  /** Run or model, see `openRun`. */
  readonly run: string;
  /** Real images that nothing has learned from. */
  readonly data: DataSourceConfig;
  /** So many of the images, at equal distances. @default all */
  readonly images?: number;
  /**
   * Number of images that the transformer draws to be measured; 0: none.
   * @default as many as the real ones, at most 1000, where features are compared
   */
  readonly generated?: number;
  /**
   * Features to compare real, reconstructed and generated images by: the folder of an extractor
   * that `saveFeatureExtractor` of @vitvq/evaluation wrote, or `proxy` for a classifier that is
   * trained on the run's own training images and kept in its folder. @default none
   */
  readonly features?: string;
  /** Files with the weights of LPIPS; see `loadLPIPS` of @vitvq/evaluation. @default none */
  readonly lpips?: string | readonly string[];
  /** Decides every draw of the metrics, and the seeds of generated images. @default 0 */
  readonly seed?: number;
  /** @default 50 */
  readonly batchSize?: number;
  readonly view?: RunView;
  readonly signal?: AbortSignal;
}

/** What {@link evaluate} measured. */
export interface EvaluatedRun {
  /** A card for each figure, which `compareCards` of @vitvq/evaluation compares with others. */
  readonly cards: readonly MetricCard[];
  readonly skipped: readonly SkippedImage[];
}

/** Generated images that are measured where nobody says how many. */
const usualGenerated = 1000;

/** A proxy where the config of the run names no other. */
const usualProxy = { steps: 800, channels: [32, 64, 128], inputSize: [32, 32] } as const;

/** How images are drawn where the run says nothing of it. */
const plainSamples = { guidanceScale: null, topK: null, topP: null, temperature: 1 };

/**
 * Measures a run on images that it has not learned from: what the tokenizer makes of them, and with
 * features to compare by, the images that the transformer draws. The current engine computes.
 * @throws {DataError} for images, weights and runs that cannot be read
 * @throws {ConfigError} for a proxy of a run whose training images have no classes
 */
export async function evaluate(options: EvaluateOptions): Promise<EvaluatedRun> {
  const { data, seed = 0, batchSize = 50, view = silentView, signal } = options;
  const run = await openRun(options.run);
  const tokenizer = await loadRunTokenizer(run);
  const owned: { dispose(): void }[] = [tokenizer];
  const own = <T extends { dispose(): void }>(loaded: T): T => {
    owned.push(loaded);
    return loaded;
  };
  try {
    const { skipped, onSkip } = collectSkipped(view.log);
    const classes = options.features === 'proxy' ? await classesOf(run, view, signal) : undefined;
    const opened = await openDataSource(data, {
      onSkip,
      onProgress: view.log,
      signal,
      ...(classes && { classes }),
    });
    const source = someOf(opened, options.images);
    const { features, lpips: weights } = options;
    const lpips = weights === undefined ? undefined : own(await loadLPIPS(weights));
    const extractor = features === undefined ? undefined : own(await extractorOf(features, run, tokenizer, options));
    const count = options.generated ?? Math.min(source.length, usualGenerated);
    const isDrawn = extractor !== undefined && run.folders.transformer !== undefined && count > 0;
    const drawn = isDrawn ? await loadRunTransformer(run) : undefined;
    if (drawn) own(drawn.model);
    const cards = await measureModels({
      tokenizer,
      source,
      extractor,
      ...(lpips && { perceptual: { name: 'LPIPS on VGG16', loss: lpips } }),
      ...(drawn && { generated: { ...drawn, count, samples: run.config?.samples ?? plainSamples } }),
      seed,
      batchSize,
      view,
      onSkip,
      signal,
    });
    return { cards, skipped };
  } finally {
    for (const each of owned) each.dispose();
  }
}

/** Returns the classes of a run's training images, in the order of their labels. */
async function classesOf(
  { path, config }: OpenedRun,
  { log }: RunView,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const { classNames } =
    config === undefined
      ? { classNames: [] }
      : await openDataSource(config.data.train, { onProgress: log, onSkip: () => undefined, signal });
  if (classNames.length > 1) return classNames;
  throw new ConfigError({
    where: path,
    expected: 'a run whose training images have classes, for a proxy classifier',
    got: config === undefined ? 'a model without the config of its run' : 'images without classes',
    fix: 'Name the folder of a feature extractor that `vitvq import-features` wrote.',
  });
}

/** Loads the network whose features are compared. */
async function extractorOf(
  features: string,
  run: OpenedRun,
  tokenizer: VQTokenizer,
  { seed = 0, view = silentView, signal }: EvaluateOptions,
): Promise<FeatureExtractor & { dispose(): void }> {
  if (features !== 'proxy') return loadFeatureExtractor(features);
  const file = join(run.path, proxyFile);
  if (existsSync(file)) return loadProxyClassifier(file);
  const images = await openRunImages({ ...run.config!, probe: null }, view, signal);
  return trainProxy({
    train: images.train,
    test: images.validation,
    imageSize: imageSizeOf(tokenizer),
    proxy: run.config?.evaluation?.proxy ?? usualProxy,
    file,
    seed,
    view,
    onSkip: images.onSkip,
    signal,
  });
}
