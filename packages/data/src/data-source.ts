import { resolve } from 'node:path';
import { checkOptions, ConfigError, DataError, parseOptions, type OptionTable } from '@vitvq/core';
import type { z } from 'zod';
import type { ImageDataset } from './image-dataset.js';
import { alignClasses, type AlignedClasses } from './internal/align-classes.js';
import { countOf, listOf, reportSkipped } from './internal/report-skipped.js';
import { dataSourceSchema, sourceKinds, type DataSourceConfig } from './kinds.js';
import type { OpenedSource, CommonConfig, SourceKind } from './kinds/source-kind.js';
import type { SkippedImage } from './skipped-image.js';
import { subset } from './subset.js';

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
  // TypeScript does not see that the row of a kind takes the configs of that kind.
  const { open } = sourceKinds[parsed.kind] as unknown as SourceKind<z.ZodType>;
  signal?.throwIfAborted();
  const opened = await open(parsed, {
    strict: isStrict,
    classes,
    signal,
    resolve: (path) => resolve(baseDirectory, path),
    say: onProgress,
  });
  const { dataset, kept, skipped: unlisted } = classes ? alignClasses(opened.dataset, classes) : asTheyAre(opened);
  const skipped = [...opened.skipped, ...unlisted];
  const { name } = dataset;
  if (skipped.length > 0 && isStrict) throw refused(name, skipped);
  const conditions = kept && opened.conditions ? subset(opened.conditions, kept) : opened.conditions;
  const range = rangeOf(parsed, dataset);
  reportSkipped(name, skipped, onSkip);
  return {
    ...(range ? subset(dataset, range) : dataset),
    ...(conditions && { conditions: range ? subset(conditions, range) : conditions }),
    skipped,
  };
}

function asTheyAre({ dataset }: OpenedSource): AlignedClasses {
  return { dataset, skipped: [] };
}

/** Returns the positions that `range` and `limit` ask for; undefined where that is all. */
function rangeOf({ range, limit = Infinity }: CommonConfig, { name, length }: ImageDataset): number[] | undefined {
  const [begin, end] = range ?? [0, length];
  if (begin >= length) {
    throw new ConfigError({
      where,
      expected: `range to begin before the end of ${name}, which has ${length} images`,
      got: String(begin),
    });
  }
  const count = Math.min(end - begin, length - begin, limit);
  return count === length ? undefined : Array.from({ length: count }, (_, index) => begin + index);
}

function refused(name: string, skipped: readonly SkippedImage[]): DataError {
  return new DataError({
    where: name,
    expected: 'usable images only (strict)',
    got: `${countOf(skipped)} left out: ${listOf(skipped)}`,
    fix: 'Repair or remove them, or open the source without strict.',
  });
}
