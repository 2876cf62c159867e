import { assertHasTokens } from '@vitvq/core';
import { openDataSource, type DataSourceConfig, type SkippedImage } from '@vitvq/data';
import { encodeViews } from './encode-views.js';
import { loadRunTokenizer, openRun } from './open-run.js';
import { silentView, type RunView } from './run-progress.js';
import { collectSkipped } from './skip-collector.js';

/** Options of {@link tokenize}. */
export interface TokenizeOptions {
  /** Run or model with the tokenizer, see `openRun`. */
  readonly run: string;
  readonly data: DataSourceConfig;
  /** Folder for the shards; a call that was stopped is gone on with. */
  readonly out: string;
  /** Passes over the images: the first as they are, the second mirrored, and so on. @default 1 */
  readonly views?: number;
  /** Images that are encoded at once. @default 50 */
  readonly batchSize?: number;
  readonly view?: RunView;
  readonly signal?: AbortSignal;
}

/** What {@link tokenize} wrote. */
export interface TokenizedImages {
  /** In each view. */
  readonly images: number;
  readonly views: number;
  /** Rows and columns of tokens of an image. */
  readonly grid: readonly [number, number];
  readonly vocabSize: number;
  readonly skipped: readonly SkippedImage[];
}

/**
 * Encodes images into shards of codes, which `openCodes` of @vitvq/codes reads. The current engine
 * computes.
 * @throws {ConfigError} for a tokenizer whose latents are no codes
 */
export async function tokenize(options: TokenizeOptions): Promise<TokenizedImages> {
  const { run, data, out, views = 1, batchSize = 50, view = silentView, signal } = options;
  const tokenizer = await loadRunTokenizer(await openRun(run));
  try {
    assertHasTokens(tokenizer, run);
    const { skipped, onSkip } = collectSkipped(view.log);
    const source = await openDataSource(data, { onSkip, onProgress: view.log, signal });
    const images = await encodeViews(source, { tokenizer, views, batchSize, directory: out, onSkip, view, signal });
    return { images, views, grid: tokenizer.grid, vocabSize: tokenizer.vocabSize, skipped };
  } finally {
    tokenizer.dispose();
  }
}
