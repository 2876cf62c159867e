import { resolve } from 'node:path';
import { checkOptions, DataError, parseOptions, type OptionTable } from '@vitvq/core';
import type { ImageDataset } from './image-dataset.js';
import { alignClasses } from './internal/align-classes.js';
import { countOf, listOf, reportSkipped } from './internal/report-skipped.js';
import { dataSourceSchema, openKind, type DataSourceConfig } from './kinds.js';
import type { SkippedImage } from './skipped-image.js';

/** Options of `openDataSource`. */
export interface OpenDataSourceOptions {
  /** Folder that relative paths of the config start from. @default the current folder */
  readonly baseDirectory?: string;
  /**
   * Class names of the training source, when another split is opened: the labels are positions in
   * this list, and images of other classes are left out.
   * @default the classes of the source
   */
  readonly classes?: readonly string[];
  /** Whether one unusable image makes the source refused. @default what the config says */
  readonly strict?: boolean;
  /** Called with a line of text while data is fetched or indexed. @default says nothing */
  readonly onProgress?: (line: string) => void;
  /**
   * Called for each image that is left out.
   * @default one process warning with their number
   */
  readonly onSkip?: (image: SkippedImage) => void;
  /** Stops fetching and indexing. */
  readonly signal?: AbortSignal;
}

const optionNames: OptionTable<OpenDataSourceOptions> = {
  baseDirectory: 'optional',
  classes: 'optional',
  strict: 'optional',
  onProgress: 'optional',
  onSkip: 'optional',
  signal: 'optional',
};

/** A source of images that a config describes. */
export interface DataSource extends ImageDataset {
  /** Images that were found and left out. */
  readonly skipped: readonly SkippedImage[];
  /**
   * The condition image of each image, where the config has such: the `conditionSource` of
   * `createBatches`.
   */
  readonly conditions?: ImageDataset;
}

const where = 'openDataSource';

/**
 * Opens the source of images that a config describes: a folder, a published data set, shards. What
 * it holds is listed once, here; images are read when batches need them.
 * @throws {ConfigError} that lists every problem of the config
 * @throws {DataError} when there is no such data, no usable image in it, or, with `strict`, one
 *   that is not usable
 */
export async function openDataSource(
  config: DataSourceConfig,
  options: OpenDataSourceOptions = {},
): Promise<DataSource> {
  const {
    baseDirectory = '.',
    classes,
    strict,
    onProgress = () => undefined,
    onSkip,
    signal,
  } = checkOptions(options, optionNames, where);
  const parsed = parseOptions(dataSourceSchema, config, where);
  const isStrict = strict ?? parsed.strict ?? false;
  signal?.throwIfAborted();
  const opened = await openKind(parsed, {
    strict: isStrict,
    classes,
    signal,
    resolve: (path) => resolve(baseDirectory, path),
    say: onProgress,
  });
  const { dataset, conditions, skipped } = classes ? alignClasses(opened, classes) : opened;
  if (skipped.length > 0 && isStrict) throw refused(dataset.name, skipped);
  reportSkipped(dataset.name, skipped, onSkip);
  return { ...dataset, ...(conditions && { conditions }), skipped };
}

function refused(name: string, skipped: readonly SkippedImage[]): DataError {
  return new DataError({
    where: name,
    expected: 'usable images only (strict)',
    got: `${countOf(skipped)} left out: ${listOf(skipped)}`,
    fix: 'Repair or remove them, or open the source without strict.',
  });
}
