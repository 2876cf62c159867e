import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '@vitvq/core';
import { openDataSource, type DataSourceConfig, type SkippedImage } from '@vitvq/data';
import {
  loadFeatureExtractor,
  loadLPIPS,
  loadProxyClassifier,
  type MetricCard,
  type ProxyClassifier,
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
const usualProxy = { steps: 800, batchSize: 32, channels: [32, 64, 128], inputSize: [32, 32] } as const;

/** How images are drawn where the run says nothing of it. */
const plainSamples = {
  guidanceScale: null,
  topK: null,
  topP: null,
  temperature: 1,
  decoding: null,
  candidates: 1,
  sureEnough: 1,
};

/**
 * Measures a run on images that it has not learned from: what the tokenizer makes of them, and with
 * features to compare by, the images that the transformer draws. The current engine computes.
 * @throws {DataError} for images, weights and runs that cannot be read
 * @throws {ConfigError} for generated images without features to measure them by, and for a proxy
 *   of a run whose training images have no classes
 */
export async function evaluate(options: EvaluateOptions): Promise<EvaluatedRun> {
  const { data, seed = 0, batchSize = 50, view = silentView, signal } = options;
  assertMeasurable(options);
  const run = await openRun(options.run);
  const tokenizer = await loadRunTokenizer(run);
  const owned: { dispose(): void }[] = [tokenizer];
  const own = <T extends { dispose(): void }>(loaded: T): T => {
    owned.push(loaded);
    return loaded;
  };
  try {
    const { skipped, onSkip } = collectSkipped(view.log);
    const proxy = options.features === 'proxy' ? own(await proxyOf(run, tokenizer, options)) : undefined;
    const classes = proxy?.facts.classNames;
    const opened = await openDataSource(data, {
      onSkip,
      onProgress: view.log,
      signal,
      ...(classes?.length && { classes }),
    });
    const source = someOf(opened, options.images);
    const { features, lpips: weights } = options;
    const lpips = weights === undefined ? undefined : own(await loadLPIPS(weights));
    const extractor = proxy ?? (features === undefined ? undefined : own(await loadFeatureExtractor(features)));
    const count = options.generated ?? Math.min(source.length, usualGenerated);
    // A number that was asked for needs a transformer; the usual one is drawn where there is one.
    const isDrawn =
      extractor !== undefined &&
      count > 0 &&
      (options.generated !== undefined || run.folders.transformer !== undefined);
    const drawn = isDrawn ? await loadRunTransformer(run) : undefined;
    if (drawn) own(drawn);
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

/**
 * Refuses generated images that nothing would measure.
 * @throws {ConfigError}
 */
function assertMeasurable({ generated = 0, features }: EvaluateOptions): void {
  if (generated === 0 || features !== undefined) return;
  throw new ConfigError({
    where: 'evaluate',
    expected: 'features to compare generated images with real ones by',
    got: `${generated} generated images and no features`,
    fix: 'Name a feature extractor or proxy in features, or leave generated out.',
  });
}

/**
 * Loads the proxy classifier of a run, or trains it on the run's own images.
 * @throws {ConfigError} where they have no classes
 */
async function proxyOf(
  { path, config }: OpenedRun,
  tokenizer: VQTokenizer,
  { seed = 0, view = silentView, signal }: EvaluateOptions,
): Promise<ProxyClassifier> {
  const file = join(path, proxyFile);
  if (existsSync(file)) return loadProxyClassifier(file);
  const images = config && (await openRunImages({ ...config, probe: null }, view, signal));
  if (images === undefined || images.train.classNames.length < 2) {
    throw new ConfigError({
      where: path,
      expected: 'a run whose training images have classes, for a proxy classifier',
      got: images === undefined ? 'a model without the config of its run' : 'images without classes',
      fix: 'Name the folder of a feature extractor that `vitvq import-features` wrote.',
    });
  }
  return trainProxy({
    train: images.train,
    test: images.validation,
    imageSize: imageSizeOf(tokenizer),
    proxy: config?.evaluation?.proxy ?? usualProxy,
    file,
    seed,
    view,
    onSkip: images.onSkip,
    signal,
  });
}
