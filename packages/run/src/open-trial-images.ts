import { ConfigError } from '@vitvq/core';
import { openDataSource, type DataSourceConfig, type ImageDataset, type SkippedImage } from '@vitvq/data';
import { mergeConfigs, type ConfigObject } from './config/merge-config.js';
import { resolveRunConfig } from './config/read-run-config.js';
import type { ResolvedRunConfig } from './config/run-config.js';
import type { OpenedRun } from './open-run.js';
import { openRunImages, setsOf, type RunImages } from './run-images.js';
import { silentView, type RunView } from './run-progress.js';
import { differentImages } from './same-images.js';
import { collectSkipped } from './skip-collector.js';

/** Options of {@link openTrialImages}. */
export interface TrialImagesOptions {
  /** @default the images that the run was measured on, where its config says that they lie */
  readonly data?: DataSourceConfig;
  readonly view?: RunView;
  readonly signal?: AbortSignal;
}

/** Images to try the models of a run on. */
export interface TrialImages {
  readonly source: ImageDataset;
  /** Whether the run held them out, by its fingerprints: nothing learned from them. */
  readonly isHeldOut: boolean;
  /** Adds an unusable image and says so; for whoever reads the images. */
  readonly onSkip: (image: SkippedImage) => void;
}

/**
 * Opens images to try the models of a run on: those that the run held out, or others. Where the
 * others are all images of the run, moved to another place perhaps, their held-out part is taken:
 * the fingerprints of the run tell. Undefined for a run without a config, or a model, where no
 * images are given.
 * @throws {ConfigError} @throws {DataError} for a source that cannot be opened
 */
export async function openTrialImages(
  run: OpenedRun,
  options: TrialImagesOptions = {},
): Promise<TrialImages | undefined> {
  const { data, view = silentView, signal } = options;
  const { config, path } = run;
  if (data === undefined) {
    if (config === undefined) return undefined;
    const { validation, onSkip } = await openRunImages({ ...config, probe: null }, view, signal);
    const different = await differentImages(path, { validation });
    return { source: validation, isHeldOut: different?.includes('validation') !== true, onSkip };
  }
  const divided = config && (await divideAsTheRun(path, config, data, view, signal));
  if (divided) return { source: divided.validation, isHeldOut: true, onSkip: divided.onSkip };
  const { onSkip } = collectSkipped(view.log);
  const source = await openDataSource(data, { onSkip, onProgress: view.log, signal });
  const different = await differentImages(path, { validation: source });
  return { source, isHeldOut: different?.includes('validation') === false, onSkip };
}

/** Divides images as a run divided its own; undefined where they are not its own. */
async function divideAsTheRun(
  path: string,
  config: ResolvedRunConfig,
  data: DataSourceConfig,
  { log }: RunView,
  signal: AbortSignal | undefined,
): Promise<RunImages | undefined> {
  const { train, validation, probe, test } = config.data;
  if (validation || probe || test || train.kind !== data.kind) return undefined;
  const moved = mergeConfigs(config as unknown as ConfigObject, { data: { train: data as unknown as ConfigObject } });
  // What opening says is told where these are the images of the run; else they are opened again.
  const lines: string[] = [];
  let say = (line: string): void => void lines.push(line);
  const view = { ...silentView, log: (line: string) => say(line) };
  try {
    const images = await openRunImages(resolveRunConfig(moved as ConfigObject), view, signal);
    const different = await differentImages(path, setsOf(images));
    if (different === undefined || different.length > 0) return undefined;
    lines.forEach(log);
    say = log;
    return images;
  } catch (error) {
    // Too few to be divided in the same way.
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}
