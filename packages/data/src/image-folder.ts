import { open, readdir, realpath, stat } from 'node:fs/promises';
import { basename, extname, join, resolve, sep } from 'node:path';
import { assertInteger, ConfigError, DataError, toSize2D, type Size2D } from '@vitvq/core';
import type { DecodeSettings, FileStorage, ImageSource, Resampling, SkippedImage } from './image-source.js';
import { assertImageSignature, checkPixels, readImageSize, UnusableImage } from './internal/decode-image.js';

export interface ImageFolderOptions {
  /** Refuse the folder when one image cannot be used, and later any that is smaller than the crop. @default false */
  strict?: boolean;
  /** Height and width that an upright image needs; smaller ones are left out (refused with `strict`). @default 1 */
  minimumSize?: Size2D;
  /**
   * How closely files are looked at now: their `header` (signature and size, about a millisecond each), all their `pixels`
   * (a whole decode each), or not at all (`none`, for very large folders). What is not found now is found when a batch
   * needs the image.
   * @default 'header'
   */
  check?: 'header' | 'pixels' | 'none';
  /**
   * The least serious problem that makes a file unusable: missing data, an error, or any complaint of the decoder (some
   * cameras write JPEGs that it complains about and that look right).
   * @default 'warning'
   */
  failOn?: 'truncated' | 'error' | 'warning';
  /** Images of more pixels are left out, so that a small file cannot fill the memory. @default 100 million */
  maximumPixels?: number;
  /** What shows through transparent pixels, `#rrggbb`. @default '#ffffff' */
  background?: string;
  /** How batches scale the images: `nearest` for segmentation maps, which should be PNG. @default 'smooth' */
  resampling?: Resampling;
  /** Called for each image that is left out, in the order of the listing. @default one process warning with their number */
  onSkip?: (image: SkippedImage) => void;
}

/** Images of a folder and its sub-folders. */
export interface ImageFolder extends ImageSource {
  readonly storage: FileStorage;
  /** Images that were found and left out, in the order of the listing. */
  readonly skipped: readonly SkippedImage[];
}

/** The class of images that lie directly in the folder. */
const TOP_CLASS = '.';

const EXTENSIONS = ['.png', '.jpg', '.jpeg', '.webp'];

/** Files looked at side by side; libvips' own thread pool has four threads. */
const CHECKS_AT_ONCE = 4;

/**
 * Opens a folder of PNG, JPEG and WebP images (by the end of the name, in any case). A sub-folder is a class, whatever lies
 * below it; images directly in the folder are the class `.`. The listing is sorted by path, so it is the same on every
 * machine. Names that begin with a dot are passed over; a link to a file inside the folder counts as a file, links out of
 * the folder and links to folders are not followed. Images become 8-bit sRGB `[H, W, 3]` when batches are made: grey,
 * palette, CMYK, 16-bit and transparent ones are converted, the camera's rotation is applied, of an animation the first
 * frame counts.
 * @throws {DataError} when there is no such folder, no usable image in it, or, with `strict`, one that is not usable
 */
export async function openImageFolder(
  directory: string,
  {
    strict = false,
    minimumSize = 1,
    check = 'header',
    failOn = 'warning',
    maximumPixels = 100_000_000,
    background = '#ffffff',
    resampling = 'smooth',
    onSkip,
  }: ImageFolderOptions = {},
): Promise<ImageFolder> {
  const minimum = toSize2D(minimumSize);
  for (const size of minimum) assertInteger(size, 'minimumSize', 'openImageFolder');
  assertInteger(maximumPixels, 'maximumPixels', 'openImageFolder');
  if (!/^#[0-9a-f]{6}$/i.test(background)) {
    throw new ConfigError({ where: 'openImageFolder', expected: 'background as #rrggbb', got: background });
  }
  const decoding: DecodeSettings = { strict, failOn, maximumPixels, background, resampling };
  const root = resolve(directory);
  const found = await listImages(root);
  if (found.images.length === 0) throw noImages(root, found);

  const reasons = new Map(found.refused);
  if (check !== 'none') {
    const problems = await mapLimited(
      found.images,
      CHECKS_AT_ONCE,
      async (file) => reasons.get(file) ?? (await problemOf(join(root, file), decoding, minimum, check === 'pixels')),
    );
    for (const [index, reason] of problems.entries()) {
      if (reason !== undefined) reasons.set(found.images[index]!, reason);
    }
  }
  const skipped = found.images.flatMap((file) => (reasons.has(file) ? [{ file, reason: reasons.get(file)! }] : []));
  const files = found.images.filter((file) => !reasons.has(file));
  if (strict && skipped.length) throw refused(root, skipped);
  if (files.length === 0) throw noneUsable(root, skipped);
  reportSkipped(root, skipped, onSkip);

  const classes = [...new Set(files.map(classOf))].sort(byCodeUnits);
  const labelOf = new Map(classes.map((name, label) => [name, label]));
  const labels = Int32Array.from(files, (file) => labelOf.get(classOf(file))!);
  const storage: FileStorage = { kind: 'files', directory: root, files, decoding };
  return { name: basename(root), length: files.length, classes, labels, storage, skipped };
}

interface Listing {
  /** Relative paths with `/`, sorted. */
  readonly images: readonly string[];
  /** Some of `images` that must not be opened, and why. */
  readonly refused: ReadonlyMap<string, string>;
  /** How many other files there are by extension, for the message when there is no image. */
  readonly others: ReadonlyMap<string, number>;
}

async function listImages(root: string): Promise<Listing> {
  const realRoot = await realpath(root).catch((cause: unknown) => {
    throw new DataError({ where: root, expected: 'a folder of images', got: 'nothing at that path' }, { cause });
  });
  if (!(await stat(realRoot)).isDirectory()) {
    throw new DataError({
      where: root,
      expected: 'a folder of images',
      got: 'a file',
      fix: 'Name the folder that holds it.',
    });
  }
  const images: string[] = [];
  const refused = new Map<string, string>();
  const others = new Map<string, number>();
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const path = folder ? `${folder}/${entry.name}` : entry.name;
      const extension = extname(entry.name).toLowerCase();
      const isImage = EXTENSIONS.includes(extension);
      if (entry.isDirectory()) {
        folders.push(path);
      } else if (isImage && entry.isFile()) {
        images.push(path);
      } else if (isImage && entry.isSymbolicLink()) {
        const reason = await problemOfLink(join(root, path), realRoot);
        images.push(path);
        if (reason) refused.set(path, reason);
      } else {
        const kind = entry.isSymbolicLink() ? 'links' : extension || 'without extension';
        others.set(kind, (others.get(kind) ?? 0) + 1);
      }
    }
  }
  images.sort(byCodeUnits);
  return { images, refused, others };
}

/** The same order everywhere, unlike one that follows the language of the machine or how a file system spells accents. */
function byCodeUnits(a: string, b: string): number {
  const [x, y] = [a.normalize('NFC'), b.normalize('NFC')];
  return x < y ? -1 : x > y ? 1 : a < b ? -1 : a > b ? 1 : 0;
}

async function problemOfLink(file: string, realRoot: string): Promise<string | undefined> {
  const target = await realpath(file).catch(() => undefined);
  if (target === undefined) return 'it is a link to nothing';
  if (!target.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep))
    return 'it is a link that leads out of the folder';
  return (await stat(target)).isFile() ? undefined : 'it is a link to something that is not a file';
}

async function problemOf(
  file: string,
  decoding: DecodeSettings,
  [minimumHeight, minimumWidth]: readonly [number, number],
  decode: boolean,
): Promise<string | undefined> {
  try {
    assertImageSignature(await readHead(file));
    const [height, width] = await readImageSize(file, decoding);
    if (height < minimumHeight || width < minimumWidth) {
      return `it is ${height}x${width}, smaller than ${minimumHeight}x${minimumWidth} (height x width)`;
    }
    if (decode) await checkPixels(file, decoding);
    return undefined;
  } catch (error) {
    if (error instanceof UnusableImage) return error.message;
    throw error;
  }
}

async function readHead(file: string): Promise<Uint8Array> {
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(12), 0, 12, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new UnusableImage((error as Error).message);
  }
}

/** Results in the order of the items, whatever finishes first. */
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

/** Tells of images that are left out: `onSkip` of each, or else a process warning with their number. */
export function reportSkipped(
  root: string,
  skipped: readonly SkippedImage[],
  onSkip: ImageFolderOptions['onSkip'],
): void {
  if (onSkip) {
    skipped.forEach((image) => onSkip(image));
  } else if (skipped.length) {
    process.emitWarning(`${root}: ${countOf(skipped)} left out: ${listOf(skipped)}`, 'VitvqDataWarning');
  }
}

function countOf({ length }: readonly unknown[]): string {
  return length === 1 ? '1 image' : `${length} images`;
}

/** The first few, with reasons. */
function listOf(skipped: readonly SkippedImage[]): string {
  const shown = skipped.slice(0, 5).map(({ file, reason }) => `${file} (${reason})`);
  return shown.join(', ') + (skipped.length > shown.length ? ` and ${skipped.length - shown.length} more` : '');
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
