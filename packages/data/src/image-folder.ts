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
import type { Caption, ImageDataset } from './image-dataset.js';
import { readCaption } from './internal/caption-files.js';
import { problemOf } from './internal/check-file.js';
import { assertClasses, classesOf, classOf, unlistedClasses, warnOfMovingLabels } from './internal/class-folders.js';
import { completeDecoding, decodeOptionNames } from './internal/complete-source.js';
import { DECODED_CHANNELS } from './internal/decode-image.js';
import { EXTENSIONS } from './internal/image-format.js';
import { byCodeUnits, listImages, type Listing } from './internal/list-images.js';
import { mapLimited } from './internal/map-limited.js';
import { countOf, countsOf, listOf, reportSkipped } from './internal/report-skipped.js';
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
   * Names of the class folders in order of the labels, such as `classNames` of the training source:
   * a class keeps its label however many folders are there. Images of other classes are left out.
   * @default the class folders with usable images, sorted, with a warning where that moves labels
   */
  readonly classes?: readonly string[];
  /**
   * Whether links are followed wherever they lead, those to folders too. Otherwise a link to a file
   * inside the folder counts as a file, and no other one is followed.
   * @default false
   */
  readonly followLinks?: boolean;
  /**
   * Whether each image has a caption: `x.txt` beside `x.jpg`, in UTF-8, one caption a line. Images
   * without one are left out.
   * @default false
   */
  readonly captions?: boolean;
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
  classes: 'optional',
  followLinks: 'optional',
  captions: 'optional',
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
  /** Number of files that are no images, by the end of their names. */
  readonly others: ReadonlyMap<string, number>;
}

/** Files that are checked side by side; libvips' own thread pool has four threads. */
const CHECKS_AT_ONCE = 4;

/**
 * Opens a folder of PNG, JPEG, WebP, GIF, TIFF, AVIF and BMP images (by the end of the name, in any
 * case). A sub-folder is a class, whatever lies below it; images directly in the folder are the
 * class `.`. The listing is sorted by path, so it is the same on every machine. Names that begin
 * with a dot are passed over. Images become 8-bit sRGB `[H, W, 3]` when batches are made: grey,
 * palette, CMYK, 16-bit and transparent images are converted, the camera's rotation is applied, and
 * of an animation the first frame counts. Images of formats that are not read, such as HEIC, are
 * left out like damaged ones.
 * @throws {ConfigError} naming the option
 * @throws {DataError} when there is no such folder, no usable image in it, or, with `strict`, one
 *   that is not usable
 */
export async function openImageFolder(directory: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
  const where = 'openImageFolder';
  const {
    minimumSize = 1,
    check = 'header',
    classes,
    followLinks = false,
    captions: hasCaptions = false,
    onSkip,
    ...decodeOptions
  } = checkOptions(options, imageFolderOptionNames, where);
  assertOneOf(check, ['header', 'pixels', 'none'], 'check', where);
  const minimum = toSize2D(minimumSize);
  for (const size of minimum) assertInteger(size, 'minimumSize', where);
  if (classes) assertClasses(classes, where);
  const decoding = completeDecoding(decodeOptions, where);
  const root = resolve(directory);
  const listing = await listImages(root, followLinks);
  if (listing.images.length === 0) throw noImages(root, listing);

  const reasons = new Map(listing.refused);
  const allowed = classes && new Set(classes);
  const unlisted = allowed ? unlistedClasses(listing.images, allowed) : [];
  const isListed = (file: string): boolean => !allowed || allowed.has(classOf(file));
  const listed = listing.images.filter(isListed);
  const captions = new Map<string, Caption>();
  await mapLimited(listed, CHECKS_AT_ONCE, async (file) => {
    if (reasons.has(file)) return;
    const path = join(root, file);
    const problem =
      check === 'none' ? undefined : await problemOf(path, { decoding, minimum, decode: check === 'pixels' });
    if (problem !== undefined) {
      reasons.set(file, problem);
    } else if (hasCaptions) {
      const read = await readCaption(path);
      if ('reason' in read) reasons.set(file, read.reason);
      else captions.set(file, read.caption);
    }
  });
  const unusable = [...reasons].filter(([name]) => isListed(name)).map(([name, reason]) => ({ name, reason }));
  const skipped = [...unusable, ...unlisted].sort((a, b) => byCodeUnits(a.name, b.name));
  const files = listed.filter((file) => !reasons.has(file));
  if (decoding.strict && skipped.length) throw refused(root, skipped);
  if (files.length === 0) throw noneUsable(root, listing, skipped);
  reportSkipped(root, skipped, onSkip);
  if (!classes) warnOfMovingLabels(root, files, listing.folders);

  const classNames = classes ?? classesOf(files);
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
    others: listing.others,
    ...(hasCaptions && { captions: files.map((file) => captions.get(file)!) }),
    get identity(): string {
      const hash = createHash('sha256');
      for (const file of files) hash.update(file).update('\0');
      if (hasCaptions) hash.update(JSON.stringify(files.map((file) => captions.get(file))));
      return hash.digest('hex');
    },
    nameOf: (index) => files[index]!,
    read: (index) => ({ file: join(root, files[index]!) }),
  };
}

function noImages(root: string, { others }: Listing): DataError {
  return new DataError({
    where: root,
    expected: `images (${EXTENSIONS.join(', ')}, in any case) in the folder or its sub-folders`,
    got: others.size ? `none, only other files: ${countsOf(others)}` : 'an empty folder',
    fix: 'Convert the images to one of these formats, or name another folder. Names that begin with a dot and linked folders are passed over.',
  });
}

function noneUsable(root: string, { images }: Listing, skipped: readonly SkippedImage[]): DataError {
  return new DataError({
    where: root,
    expected: 'at least one usable image',
    got: `${countOf(images)}, none usable: ${listOf(skipped)}`,
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
