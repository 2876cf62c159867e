import { encodeAsWorker, type WorkerShare } from '@vitvq/codes';
import { assertHasTokens } from '@vitvq/core';
import { openDataSource, type DataSourceConfig, type SkippedImage } from '@vitvq/data';
import { imageSizeOf } from './image-size.js';
import { loadRunTokenizer, openRun } from './open-run.js';
import { openViews } from './open-views.js';
import { silentView, type RunView } from './run-progress.js';
import { collectSkipped } from './skip-collector.js';
import { tokenizerIdentity } from './tokenizer-identity.js';
import { WorkerProgressView } from './worker-progress.js';

/** Options of {@link tokenize}. */
export interface TokenizeOptions {
  /** Run or model with the tokenizer, see `openRun`. */
  readonly run: string;
  readonly data: DataSourceConfig;
  /** Folder for the shards, which any number of calls may fill, at once or one after the other. */
  readonly out: string;
  /** Passes over the images: the first as they are, the second mirrored, and so on. @default 1 */
  readonly views?: number;
  /** Images that are encoded at once. @default 50 */
  readonly batchSize?: number;
  /** Images a shard, made up to whole batches. @default 64 batches */
  readonly shardSize?: number;
  /** Makes a fixed part of the shards. @default any shard, until all are done */
  readonly share?: WorkerShare | undefined;
  /**
   * Seconds without a sign of life after which the shard of another worker is taken over.
   * @default 120
   */
  readonly takeOverAfter?: number;
  readonly view?: RunView;
  readonly signal?: AbortSignal;
}

/** What {@link tokenize} did, and what there is now. */
export interface TokenizedImages {
  /** In each view, once all shards are done. */
  readonly images?: number;
  /** In each view, that could not be used, once all shards are done. */
  readonly leftOut?: number;
  readonly views: number;
  /** Rows and columns of tokens of an image. */
  readonly grid: readonly [number, number];
  readonly vocabSize: number;
  /** Shards that are done. */
  readonly shards: number;
  readonly totalShards: number;
  /** Shards that this call made. */
  readonly ownShards: number;
  /** Images of all views in them. */
  readonly ownImages: number;
  /** Of the work, with compiling before and waiting after it. */
  readonly seconds: number;
  /** Images that this call could not use. */
  readonly skipped: readonly SkippedImage[];
}

/**
 * Encodes images into shards of codes, which `openCodes` of @vitvq/codes reads, as one of any
 * number of workers on one folder; see `encodeAsWorker` there. The current engine computes.
 * @throws {ConfigError} for a tokenizer whose latents are no codes, and when the folder was begun
 *   with another tokenizer, other images or options
 */
export async function tokenize(options: TokenizeOptions): Promise<TokenizedImages> {
  const { run, data, out, views = 1, batchSize = 50, view = silentView, signal } = options;
  const { shardSize = 64 * batchSize, share, takeOverAfter } = options;
  const opened = await openRun(run);
  const tokenizer = await loadRunTokenizer(opened);
  try {
    assertHasTokens(tokenizer, run);
    const { skipped, onSkip } = collectSkipped(view.log);
    const source = await openDataSource(data, { onSkip, onProgress: view.log, signal });
    const imageSize = imageSizeOf(tokenizer);
    const identity = await tokenizerIdentity(tokenizer, opened.folders.tokenizer!);
    const progress = view.openProgress({ show: [], signal });
    const shown = new WorkerProgressView(progress);
    const start = performance.now();
    try {
      const result = await encodeAsWorker({
        tokenizer,
        tokenizerIdentity: identity,
        openBatches: (startAt) => openViews(source, { imageSize, batchSize, startAt, onSkip }),
        imageCount: source.length,
        views,
        directory: out,
        batchesPerShard: Math.ceil(shardSize / batchSize),
        share,
        takeOverAfter,
        onProgress: (report) => shown.update(report),
        onNote: (line) => progress.say(line),
        signal,
      });
      const seconds = (performance.now() - start) / 1000;
      return { ...result, views, grid: tokenizer.grid, vocabSize: tokenizer.vocabSize, seconds, skipped };
    } finally {
      shown.stop();
    }
  } finally {
    tokenizer.dispose();
  }
}
