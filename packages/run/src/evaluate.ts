import type { ImageBatch } from '@vitvq/core';
import { createBatches, openDataSource, type DataSourceConfig, type ImageDataset, type SkippedImage } from '@vitvq/data';
import {
  evaluateImages,
  evaluateReconstructions,
  loadFeatureExtractor,
  loadLPIPS,
  type EvaluationProgress,
  type FeatureExtractor,
  type MetricCard,
} from '@vitvq/evaluation';
import type { VQTokenizer } from '@vitvq/tokenizer';
import { ClassConditioner } from '@vitvq/transformers';
import { CountProgress } from './count-progress.js';
import { generateImages } from './generate-images.js';
import { imageSizeOf } from './image-size.js';
import { loadRunTokenizer, loadRunTransformer, openRun, type OpenedRun } from './open-run.js';
import { firstOf } from './run-images.js';
import { silentView, type RunView } from './run-progress.js';

/** Options of {@link evaluate}. */
export interface EvaluateOptions {
  /** Run or model, see `openRun`. */
  readonly run: string;
  /** Real images that nothing has learned from. */
  readonly data: DataSourceConfig;
  /** The first so many images. @default all */
  readonly images?: number;
  /**
   * Number of images that the transformer draws to be measured; 0: none.
   * @default as many as the real ones, at most 1000, where there is a feature extractor
   */
  readonly generated?: number;
  /**
   * Folder of a feature extractor that `saveFeatureExtractor` of @vitvq/evaluation wrote, for
   * Fréchet distance and its kin. @default none
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

/** Images that are drawn between two batches that are measured. */
const drawnAtOnce = 32;

/**
 * Measures a run on images that it has not learned from: what the tokenizer makes of them, and with
 * a feature extractor the images that the transformer draws. Real images are scaled until they
 * cover the tokenizer's size, and cropped at the centre. The current engine computes.
 * @throws {DataError} for images, weights and runs that cannot be read
 */
export async function evaluate(options: EvaluateOptions): Promise<EvaluatedRun> {
  const { data, seed = 0, batchSize = 50, view = silentView, signal } = options;
  const run = await openRun(options.run);
  const tokenizer = await loadRunTokenizer(run);
  const owned: { dispose(): void }[] = [tokenizer];
  try {
    const skipped: SkippedImage[] = [];
    const onSkip = (image: SkippedImage): void => void skipped.push(image);
    const opened = await openDataSource(data, { onSkip, onProgress: view.log, signal });
    const source = firstOf(opened, options.images);
    const extractor = await own(owned, options.features, (folder) => loadFeatureExtractor(folder));
    const lpips = await own(owned, options.lpips, (files) => loadLPIPS(files));
    const imageSize = imageSizeOf(tokenizer);
    const real = () => createBatches(source, { batchSize, imageSize, lastBatch: 'partial', epochs: 1, onSkip });
    const resize = `scaled to cover ${imageSize.join(' x ')} pixels, cropped at the centre`;
    const measured = progressOf(view, source.length, signal);
    const cards = await evaluateReconstructions(tokenizer, {
      images: real,
      ...(extractor && { extractor }),
      ...(lpips && { perceptual: { name: 'LPIPS on VGG16', loss: lpips } }),
      seed,
      resize,
      onProgress: measured.update,
      signal,
    }).finally(measured.stop);
    if (extractor === undefined || run.folders.transformer === undefined || options.generated === 0) {
      return { cards, skipped };
    }
    const count = options.generated ?? Math.min(source.length, usualGenerated);
    const context = { run, tokenizer, extractor, source, real, count, resize, options };
    return { cards: [...cards, ...(await evaluateGenerated(context))], skipped };
  } finally {
    for (const each of owned) each.dispose();
  }
}

async function own<S, T extends { dispose(): void }>(
  owned: { dispose(): void }[],
  source: S | undefined,
  load: (source: S) => Promise<T>,
): Promise<T | undefined> {
  if (source === undefined) return undefined;
  const loaded = await load(source);
  owned.push(loaded);
  return loaded;
}

interface GeneratedContext {
  readonly run: OpenedRun;
  readonly tokenizer: VQTokenizer;
  readonly extractor: FeatureExtractor;
  readonly source: ImageDataset;
  readonly real: () => AsyncIterable<ImageBatch>;
  readonly count: number;
  readonly resize: string;
  readonly options: EvaluateOptions;
}

async function evaluateGenerated(context: GeneratedContext): Promise<MetricCard[]> {
  const { run, tokenizer, extractor, source, real, count, resize, options } = context;
  const { seed = 0, view = silentView, signal } = options;
  const samples = run.config?.samples;
  const { model, conditioner } = await loadRunTransformer(run);
  const measured = progressOf(view, source.length + count, signal);
  /** Draws images as they are measured, so that none has to be kept. */
  async function* generated(): AsyncGenerator<ImageBatch, void> {
    for (let start = 0; start < count; start += drawnAtOnce) {
      const size = Math.min(drawnAtOnce, count - start);
      const at = Array.from({ length: size }, (_, index) => start + index);
      const labels =
        conditioner instanceof ClassConditioner ? at.map((index) => index % conditioner.classCount) : undefined;
      const { images } = await generateImages(
        { tokenizer, model, conditioner },
        {
          classes: labels,
          seeds: at.map((index) => seed + index),
          guidanceScale: samples?.guidanceScale ?? null,
          topK: samples?.topK ?? null,
          topP: samples?.topP ?? null,
          temperature: samples?.temperature ?? 1,
          signal,
        },
      );
      yield { images: images.data, shape: images.shape, ...(labels && { labels: Int32Array.from(labels) }) };
    }
  }
  try {
    return await evaluateImages({
      real,
      generated,
      extractor,
      seed,
      guidance: samples?.guidanceScale ?? null,
      resize,
      onProgress: measured.update,
      signal,
    });
  } finally {
    measured.stop();
    model.dispose();
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
