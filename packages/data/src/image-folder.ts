import { createHash } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import {
  assertInteger,
  assertOneOf,
  checkOptions,
  DataError,
  toSize2D,
  type DecodeOptions,
  type OptionTable,
  type Size2D,
} from '@vitvq/core';
import type { ImageDataset } from './image-dataset.js';
import { problemOf } from './internal/check-file.js';
import { completeDecoding, decodeOptionNames } from './internal/complete-source.js';
import { DECODED_CHANNELS } from './internal/decode-image.js';
import { byCodeUnits, EXTENSIONS, listImages, type Listing } from './internal/list-images.js';
import { countOf, listOf, reportSkipped } from './internal/report-skipped.js';
import type { SkippedImage } from './skipped-image.js';

/**
 * Options of `openImageFolder`. With `strict`, one unusable image makes the whole folder refused.
 */
export interface ImageFolderOptions extends DecodeOptions {
  /**
   * Height and width that an upright image needs; smaller ones are left out (refused with
   * `strict`).
   * @default 1
   */
  readonly minimumSize?: Size2D;
  /**
   * How closely files are looked at when the folder is opened: their `header` (signature and size,
   * about a millisecond each), all their `pixels` (a whole decode each), or not at all (`none`, for
   * very large folders). What is not found then is found when a batch needs the image.
   * @default 'header'
   */
  readonly check?: 'header' | 'pixels' | 'none';
  /**
   * Called for each image that is left out, in the order of the listing.
   * @default one process warning with their number
   */
  readonly onSkip?: (image: SkippedImage) => void;
}

/** Names of the options of {@link openImageFolder}. */
export const imageFolderOptionNames: OptionTable<ImageFolderOptions> = {
  ...decodeOptionNames,
  minimumSize: 'optional',
  check: 'optional',
  onSkip: 'optional',
};

/** Images of a folder and its sub-folders. */
export interface ImageFolder extends ImageDataset {
  /** Absolute path of the folder. */
  readonly directory: string;
  /** Paths of the images below the folder, with `/`; image i is `files[i]`. */
  readonly files: readonly string[];
  /** Images that were found and left out, in the order of the listing. */
  readonly skipped: readonly SkippedImage[];
}

/** The class of images that lie directly in the folder. */
const TOP_CLASS = '.';

/** Files that are checked side by side; libvips' own thread pool has four threads. */
const CHECKS_AT_ONCE = 4;

/**
 * Opens a folder of PNG, JPEG and WebP images (by the end of the name, in any case). A sub-folder
 * is a class, whatever lies below it; images directly in the folder are the class `.`. The listing
 * is sorted by path, so it is the same on every machine. Names that begin with a dot are passed
 * over. A link to a file inside the folder counts as a file; links out of the folder and links to
 * folders are not followed. Images become 8-bit sRGB `[H, W, 3]` when batches are made: grey,
 * palette, CMYK, 16-bit and transparent images are converted, the camera's rotation is applied, and
 * of an animation the first frame counts.
 * @throws {ConfigError} naming the option
 * @throws {DataError} when there is no such folder, no usable image in it, or, with `strict`, one
 *   that is not usable
 */
export async function openImageFolder(directory: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
  const where = 'openImageFolder';
  const {
    minimumSize = 1,
    check = 'header',
    onSkip,
    ...decodeOptions
  } = checkOptions(options, imageFolderOptionNames, where);
  assertOneOf(check, ['header', 'pixels', 'none'], 'check', where);
  const minimum = toSize2D(minimumSize);
  for (const size of minimum) assertInteger(size, 'minimumSize', where);
  const decoding = completeDecoding(decodeOptions, where);
  const root = resolve(directory);
  const listing = await listImages(root);
  if (listing.images.length === 0) throw noImages(root, listing);

  const reasons = new Map(listing.refused);
  if (check !== 'none') {
    const unrefused = listing.images.filter((file) => !reasons.has(file));
    const found = await mapLimited(unrefused, CHECKS_AT_ONCE, (file) =>
      problemOf(join(root, file), { decoding, minimum, decode: check === 'pixels' }),
    );
    for (const [index, reason] of found.entries()) if (reason !== undefined) reasons.set(unrefused[index]!, reason);
  }
  const skipped = listing.images.flatMap((name) => (reasons.has(name) ? [{ name, reason: reasons.get(name)! }] : []));
  const files = listing.images.filter((file) => !reasons.has(file));
  if (decoding.strict && skipped.length) throw refused(root, skipped);
  if (files.length === 0) throw noneUsable(root, skipped);
  reportSkipped(root, skipped, onSkip);

  const classNames = [...new Set(files.map(classOf))].sort(byCodeUnits);
  const labelOf = new Map(classNames.map((name, label) => [name, label]));
  return {
    name: basename(root),
    length: files.length,
    classNames,
    labels: Int32Array.from(files, (file) => labelOf.get(classOf(file))!),
    channels: DECODED_CHANNELS,
    decoding,
    directory: root,
    files,
    skipped,
    get identity(): string {
      const hash = createHash('sha256');
      for (const file of files) hash.update(file).update('\0');
      return hash.digest('hex');
    },
    nameOf: (index) => files[index]!,
    read: (index) => ({ file: join(root, files[index]!) }),
  };
}

/** Returns results in the order of the items, whatever finishes first. */
async function mapLimited<T, R>(items: readonly T[], limit: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: limit }, lane));
  return results;
}

function classOf(file: string): string {
  const slash = file.indexOf('/');
  return slash < 0 ? TOP_CLASS : file.slice(0, slash);
}

function noImages(root: string, { others }: Listing): DataError {
  const seen = [...others].sort(([a], [b]) => byCodeUnits(a, b)).map(([kind, count]) => `${count} ${kind}`);
  return new DataError({
    where: root,
    expected: `images (${EXTENSIONS.join(', ')}, in any case) in the folder or its sub-folders`,
    got: seen.length ? `none, only other files: ${seen.join(', ')}` : 'an empty folder',
    fix: 'Convert the images to one of these formats, or name another folder. Names that begin with a dot and linked folders are passed over.',
  });
}

function noneUsable(root: string, skipped: readonly SkippedImage[]): DataError {
  return new DataError({
    where: root,
    expected: 'at least one usable image',
    got: `${countOf(skipped)}, none usable: ${listOf(skipped)}`,
  });
}

function refused(root: string, skipped: readonly SkippedImage[]): DataError {
  return new DataError({
    where: root,
    expected: 'usable images only (strict)',
    got: `${countOf(skipped)} that cannot be used: ${listOf(skipped)}`,
    fix: 'Repair or remove them, or open the folder without strict to leave them out.',
  });
}
