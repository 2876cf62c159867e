import { checkOptions, DataError, type OptionTable } from '@vitvq/core';
import type { ImageDataset } from './image-dataset.js';
import { imageFolderOptionNames, openImageFolder, type ImageFolder, type ImageFolderOptions } from './image-folder.js';
import { pairName } from './internal/pairs.js';
import { reportSkipped } from './internal/report-skipped.js';
import type { SkippedImage } from './skipped-image.js';
import { subset } from './subset.js';

/** Options of `openPairedFolders`. */
export interface PairedFolderOptions extends ImageFolderOptions {
  /**
   * Options for condition images alone, such as `resampling: 'nearest'` for maps.
   * @default as for the images
   */
  readonly conditions?: Omit<ImageFolderOptions, 'onSkip'>;
}

const pairedFolderOptionNames: OptionTable<PairedFolderOptions> = {
  ...imageFolderOptionNames,
  conditions: 'optional',
};

/** Images and their condition images. */
export interface PairedFolders {
  readonly images: ImageDataset;
  /** The `conditionSource` of `createBatches`: image i belongs to image i of `images`. */
  readonly conditions: ImageDataset;
  /** Images that were found and left out, for their own sake or for their condition image's. */
  readonly skipped: readonly SkippedImage[];
}

/**
 * Opens a folder of images and a folder of their condition images, such as `images/town/1.jpg` and
 * `maps/town/1.png`: the same paths, apart from extensions. `openImageFolder` opens each; where one
 * of a pair is unusable, the pair is left out. `splitSource` and `subset` keep pairs together when
 * both sources get the same key or positions.
 * @throws {DataError} as `openImageFolder`; when an image has no partner, or two of a folder have
 *   the same name; when no pair is usable
 */
export async function openPairedFolders(
  imageDirectory: string,
  conditionDirectory: string,
  options: PairedFolderOptions = {},
): Promise<PairedFolders> {
  const where = 'openPairedFolders';
  const { conditions: ofConditions = {}, onSkip, ...ofImages } = checkOptions(options, pairedFolderOptionNames, where);
  const { onSkip: _, ...conditionOptionNames } = imageFolderOptionNames;
  checkOptions(ofConditions, conditionOptionNames, `${where}, conditions`);
  // What is left out is reported once, in pairs.
  const quiet = { ...ofImages, onSkip: () => undefined };
  const images = await openImageFolder(imageDirectory, quiet);
  const conditions = await openImageFolder(conditionDirectory, { ...quiet, ...ofConditions });
  const [found, partners] = [byPairName(images), byPairName(conditions)];
  assertPartners(found, images, partners, conditions);
  assertPartners(partners, conditions, found, images);

  const [kept, keptPartners]: [number[], number[]] = [[], []];
  const skipped = [...images.skipped];
  for (const [index, file] of images.files.entries()) {
    const partner = partners.get(pairName(file))!;
    if (partner.index === undefined) {
      skipped.push({ name: file, reason: `its condition image ${partner.file} cannot be used: ${partner.reason}` });
    } else {
      kept.push(index);
      keptPartners.push(partner.index);
    }
  }
  const { directory } = images;
  if (kept.length === 0) {
    const { name, reason } = skipped[0]!;
    const got = `none, the first is ${name} (${reason})`;
    throw new DataError({ where: directory, expected: 'at least one usable pair', got });
  }
  reportSkipped(directory, skipped, onSkip);
  return { images: subset(images, kept), conditions: subset(conditions, keptPartners), skipped };
}

/** A file of a folder: its position in the source, or why it has none. */
interface FoundFile {
  readonly file: string;
  readonly index?: number;
  readonly reason?: string;
}

/** The files of a folder, usable or not, by what their names share with their partners'. */
function byPairName({ directory, files, skipped }: ImageFolder): Map<string, FoundFile> {
  const found = new Map<string, FoundFile>();
  const usable = files.map((file, index): FoundFile => ({ file, index }));
  const unusable = skipped.map(({ name, reason }): FoundFile => ({ file: name, reason }));
  for (const entry of [...usable, ...unusable]) {
    const name = pairName(entry.file);
    const other = found.get(name);
    if (other) {
      throw new DataError({
        where: directory,
        expected: 'one image of each name, apart from the extension',
        got: `${other.file} and ${entry.file}`,
      });
    }
    found.set(name, entry);
  }
  return found;
}

/** Checks that each file of one folder has its partner in the other. @throws {DataError} */
function assertPartners(
  found: ReadonlyMap<string, FoundFile>,
  { directory }: ImageFolder,
  partners: ReadonlyMap<string, FoundFile>,
  other: ImageFolder,
): void {
  const alone = [...found].flatMap(([name, { file }]) => (partners.has(name) ? [] : [file]));
  if (alone.length === 0) return;
  const shown = alone.slice(0, 5).join(', ') + (alone.length > 5 ? ` and ${alone.length - 5} more` : '');
  throw new DataError({
    where: directory,
    expected: `each image to have one of the same name, apart from the extension, in ${other.directory}`,
    got: `${alone.length} without: ${shown}`,
    fix: 'Remove or rename them.',
  });
}
