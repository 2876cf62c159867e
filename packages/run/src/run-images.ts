import {
  openDataSource,
  splitSource,
  subset,
  type DataSourceConfig,
  type ImageDataset,
  type SkippedImage,
} from '@vitvq/data';
import type { ResolvedRunConfig } from './config/run-config.js';
import { keyOf } from './keys.js';
import type { RunView } from './run-progress.js';
import { collectSkipped } from './skip-collector.js';
import type { ImageSets } from './same-images.js';

/** The images of a run: sets without an image in common, unless the config names the same twice. */
export interface RunImages {
  /** For tokenizer and transformer. */
  readonly train: ImageDataset;
  /** Everything is measured on them, and nothing learns from them. */
  readonly validation: ImageDataset;
  /** For the linear probe to learn from; absent in a run without one. */
  readonly probe?: ImageDataset;
  /** For the linear probe to be tested on; absent in a run without one. */
  readonly test?: ImageDataset;
  /** Unusable images so far: those that opening found, and those that reading finds damaged. */
  readonly skipped: readonly SkippedImage[];
  /** Adds an unusable image and says so; for whoever reads the images. */
  readonly onSkip: (image: SkippedImage) => void;
}

/**
 * Returns `count` images at equal distances, or all of them where there are fewer: a folder lists
 * its images class by class, and the first ones would be of the first classes alone.
 */
export function someOf(source: ImageDataset, count = source.length): ImageDataset {
  if (count >= source.length) return source;
  return subset(
    source,
    Array.from({ length: count }, (_, index) => Math.floor((index * source.length) / count)),
    source.name,
  );
}

/** The images of a run that learns from some and is measured on others. */
export type LearnedImages = Pick<RunImages, 'train' | 'validation' | 'skipped' | 'onSkip'>;

/**
 * Opens the images of a run and divides them.
 * @throws {ConfigError} @throws {DataError} for a source that cannot be opened or divided
 */
export async function openRunImages(
  { seed, data, probe: probeConfig }: Pick<ResolvedRunConfig, 'seed' | 'data' | 'probe'>,
  view: RunView,
  signal?: AbortSignal,
): Promise<RunImages> {
  const learned = await openLearnedImages({ seed, data }, view, signal);
  if (!probeConfig) return learned;
  let { train } = learned;
  const { validation, onSkip } = learned;
  const open = opener({ onSkip, view, signal });
  let probe = data.probe ? await open(data.probe, train.classNames) : undefined;
  if (probe === undefined) {
    const parts = splitSource(train, { holdOut: data.keptForProbe, key: keyOf(seed, 'keptForProbe') });
    train = parts.train;
    probe = parts.heldOut;
  }
  const test = data.test ? await open(data.test, train.classNames) : validation;
  return { ...learned, train, probe, test };
}

/**
 * Opens the images that a run learns from and those that it is measured on.
 * @throws {ConfigError} @throws {DataError} for a source that cannot be opened or divided
 */
export async function openLearnedImages(
  { seed, data }: { readonly seed: number; readonly data: LearnedDataConfig },
  view: RunView,
  signal?: AbortSignal,
): Promise<LearnedImages> {
  const { skipped, onSkip } = collectSkipped(view.log);
  const open = opener({ onSkip, view, signal });
  const train = await open(data.train);
  if (data.validation) {
    return { train, validation: await open(data.validation, train.classNames), skipped, onSkip };
  }
  const tenth = Math.max(1, Math.round(0.1 * train.length));
  const wanted = data.heldOut < 1 ? Math.max(1, Math.round(data.heldOut * train.length)) : Math.round(data.heldOut);
  const parts = splitSource(train, { holdOut: Math.min(wanted, tenth), key: keyOf(seed, 'heldOut') });
  return { train: parts.train, validation: parts.heldOut, skipped, onSkip };
}

type LearnedDataConfig = Pick<ResolvedRunConfig['data'], 'train' | 'validation' | 'heldOut'>;

interface OpenerOptions extends Pick<RunImages, 'onSkip'> {
  readonly view: RunView;
  readonly signal: AbortSignal | undefined;
}

/**
 * Returns what opens a source. A class has the label that it has in training, whatever classes the
 * other sets have.
 */
function opener({
  onSkip,
  view,
  signal,
}: OpenerOptions): (source: DataSourceConfig, classes?: readonly string[]) => Promise<ImageDataset> {
  return (source, classes) =>
    openDataSource(source, { onSkip, onProgress: view.log, signal, ...(classes?.length && { classes }) });
}

/** Returns the sets of a run by name, to compare them with those of an earlier start. */
export function setsOf({ train, validation, probe, test }: RunImages): ImageSets {
  return { train, validation, probe, test };
}
