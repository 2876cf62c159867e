import { basename } from 'node:path';
import { DataError, UnusableImageError } from '@vitvq/core';
import { z } from 'zod';
import type { Caption } from '../image-dataset.js';
import { captionOf } from '../internal/caption-files.js';
import { GroupCache } from '../internal/group-cache.js';
import { mapLimited } from '../internal/map-limited.js';
import { openBytes } from '../internal/open-bytes.js';
import { ParquetFile, type ParquetRow } from '../internal/parquet-file.js';
import { openSampleSet, type Sample } from '../internal/sample-set.js';
import { shardPaths } from '../internal/shard-paths.js';
import type { SkippedImage } from '../skipped-image.js';
import { classesOf, classesSchema, decodingOf, encodedFields, pathSchema, sourceKind } from './source-kind.js';

const column = z.string().min(1);

/** Unpacked bytes of images that are shuffled together; twice as many are kept. */
const TOGETHER_BYTES = 128 * 2 ** 20;

/** Row groups with more bytes of images are refused, because they are unpacked as a whole. */
const MAXIMUM_GROUP_BYTES = 2 ** 30;

/** Files whose metadata and labels are read side by side. */
const FILES_AT_ONCE = 4;

const DEFAULT_LABEL = 'label';

/** Parquet files with a column of encoded images, as hubs store data sets. */
export const parquet = sourceKind({
  schema: z.strictObject({
    kind: z.literal('parquet'),
    paths: z.union([pathSchema, z.array(pathSchema).min(1)]),
    imageColumn: column.default('image'),
    labelColumn: column.optional(),
    captionColumn: column.optional(),
    classes: classesSchema.optional(),
    cacheDirectory: pathSchema.optional(),
    ...encodedFields,
  }),
  open: async (
    { paths: patterns, imageColumn, labelColumn, captionColumn, classes, cacheDirectory, ...config },
    context,
  ) => {
    const paths = await shardPaths([patterns].flat(), ['.parquet'], context.resolve);
    const columns = { image: imageColumn, label: labelColumn, caption: captionColumn };
    let done = 0;
    const indexed = await mapLimited(paths, FILES_AT_ONCE, async (path) => {
      const found = await indexFile(path, cacheDirectory, columns, context);
      if (paths.length > 1) context.say(`${++done} of ${paths.length} files indexed`);
      return found;
    });
    const files = indexed.flatMap((each) => each.file ?? []);
    const largest = files
      .flatMap((file) => file.groups.map((_, group) => file.columnBytes(group, imageColumn)))
      .reduce((most, bytes) => Math.max(most, bytes), 1);
    const together = Math.max(1, Math.floor(TOGETHER_BYTES / largest));
    const cache = new GroupCache<ParquetRow[]>(2 * together);
    const opened = openSampleSet({
      name: paths.length === 1 ? basename(paths[0]!) : `${basename(paths[0]!)} and ${paths.length - 1} more`,
      samples: indexed.flatMap(({ samples }) => samples),
      skipped: indexed.flatMap(({ skipped }) => skipped),
      classes: (await classesOf(classes, context)) ?? files[0]?.classNames(labelColumn ?? DEFAULT_LABEL),
      hasCaptions: captionColumn !== undefined,
      decoding: decodingOf(config, context),
      identityOf: ({ group }) => `${group} of ${together}`,
      read: async (sample) => ({ bytes: await readImage(sample, imageColumn, cache) }),
    });
    const begins = opened.samples.flatMap(({ file, group }, index) => {
      const before = opened.samples[index - 1];
      return before?.file === file && before.group === group ? [] : [index];
    });
    return { ...opened, dataset: { ...opened.dataset, stretches: { begins: Uint32Array.from(begins), together } } };
  },
});

interface Columns {
  readonly image: string;
  readonly label: string | undefined;
  readonly caption: string | undefined;
}

/** A row of a file. */
interface ParquetSample extends Sample {
  readonly file: ParquetFile;
  readonly group: number;
  /** Position in the row group. */
  readonly row: number;
}

interface IndexedFile {
  readonly file?: ParquetFile;
  readonly samples: readonly ParquetSample[];
  readonly skipped: readonly SkippedImage[];
}

/** Reads the metadata, the labels and the captions of a file. */
async function indexFile(
  path: string,
  cacheDirectory: string | undefined,
  columns: Columns,
  context: Parameters<typeof openBytes>[2],
): Promise<IndexedFile> {
  const name = basename(path);
  const file = await openBytes(path, cacheDirectory, context)
    .then((bytes) => ParquetFile.open(bytes))
    .catch(reasonOf);
  if (typeof file === 'string') return { samples: [], skipped: [{ name, reason: file }] };
  for (const each of [columns.image, columns.label, columns.caption]) {
    if (each === undefined || file.columns.includes(each)) continue;
    throw new DataError({ where: path, expected: `a column ${each}`, got: `only ${file.columns.join(', ')}` });
  }
  const label = columns.label ?? (file.columns.includes(DEFAULT_LABEL) ? DEFAULT_LABEL : undefined);
  const wanted = [label, columns.caption].filter((each) => each !== undefined);
  const samples: ParquetSample[] = [];
  const skipped: SkippedImage[] = [];
  for (const [group, rows] of file.groups.entries()) {
    context.signal?.throwIfAborted();
    const bytes = file.columnBytes(group, columns.image);
    const facts =
      bytes > MAXIMUM_GROUP_BYTES
        ? `its images have ${bytes} bytes, more than ${MAXIMUM_GROUP_BYTES}`
        : wanted.length === 0
          ? []
          : await file.read(rows, wanted).catch(reasonOf);
    if (typeof facts === 'string') {
      skipped.push({ name: `${name}, row group ${group}`, reason: facts });
      continue;
    }
    for (let row = 0; row < rows.end - rows.begin; row++) {
      samples.push({
        name: `${name}/${rows.begin + row}`,
        file,
        group,
        row,
        label: label === undefined ? undefined : labelOf(facts[row]?.[label]),
        caption: columns.caption === undefined ? undefined : captionsOf(facts[row]?.[columns.caption]),
      });
    }
  }
  return { file, samples, skipped };
}

/** Returns why something cannot be read. */
function reasonOf(error: unknown): string {
  if (error instanceof DataError) return `it cannot be read: ${error.got}`;
  throw error;
}

function labelOf(value: unknown): string | number | undefined {
  const label = typeof value === 'bigint' ? Number(value) : value;
  if (typeof label === 'string') return label;
  // Hubs store -1 where a test set has no labels.
  return typeof label === 'number' && label >= 0 ? label : undefined;
}

function captionsOf(value: unknown): Caption | undefined {
  const values: unknown[] = Array.isArray(value) ? value : [value];
  return captionOf(values.filter((each) => typeof each === 'string').join('\n'));
}

async function readImage(
  { file, group, row }: ParquetSample,
  imageColumn: string,
  cache: GroupCache<ParquetRow[]>,
): Promise<Uint8Array> {
  const rows = await cache
    .get(`${file.name} ${group}`, () => file.read(file.groups[group]!, [imageColumn]))
    .catch((error: unknown) => {
      throw new UnusableImageError(reasonOf(error), { cause: error });
    });
  const value = rows[row]?.[imageColumn];
  const bytes = value instanceof Uint8Array ? value : (value as { bytes?: unknown } | null | undefined)?.bytes;
  if (bytes instanceof Uint8Array) return bytes;
  throw new UnusableImageError('it has no bytes');
}
