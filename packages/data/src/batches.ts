import { availableParallelism } from 'node:os';
import {
  assertInteger,
  assertOneOf,
  checkOptions,
  ConfigError,
  printable,
  randomKey,
  toSize2D,
  type ImageSource,
  type OptionTable,
} from '@vitvq/core';
import type { BatchOptions, CropOptions } from './batch-options.js';
import { assertPart } from './batch-part.js';
import type { BatchStream } from './batch-stream.js';
import { assertAugmentable, streamAugmentation } from './internal/augment-steps.js';
import { BatchMaker } from './internal/batch-maker.js';
import { BatchPlanner } from './internal/batch-plan.js';
import { completeSource } from './internal/complete-source.js';
import type { CropSettings } from './internal/crop-region.js';
import { assertPairs } from './internal/pairs.js';
import { PlannedBatchStream } from './internal/planned-batch-stream.js';
import { RowMaker } from './internal/row-maker.js';
import type { SkippedImage } from './skipped-image.js';

const where = 'createBatches';

const optionNames: OptionTable<BatchOptions> = {
  imageSize: 'required',
  resizeTo: 'optional',
  crop: 'optional',
  flip: 'optional',
  augment: 'optional',
  batchSize: 'required',
  shuffle: 'optional',
  key: 'optional',
  lastBatch: 'optional',
  epochs: 'optional',
  startAt: 'optional',
  part: 'optional',
  workers: 'optional',
  prefetch: 'optional',
  onSkip: 'optional',
  conditionSource: 'optional',
};

/**
 * Reads a source as batches of equal size. Order, crops and flips are functions of `key`, epoch and
 * image alone: neither the number of workers nor an interruption changes them. When an image of a
 * source that is not strict cannot be used, `lastBatch: 'drop'` replaces it by another one, drawn
 * from the same key; `pad` and `partial` leave it out, so that no image counts twice. An image
 * smaller than `resizeTo` is enlarged.
 * @throws {ConfigError} naming the option
 * @throws {DataError} when a source describes itself wrongly, or the images of `conditionSource`
 *   are not the partners of those of `source`
 */
export function createBatches(source: ImageSource, options: BatchOptions): BatchStream {
  const {
    batchSize,
    conditionSource,
    crop = 'center',
    flip = false,
    shuffle = false,
    key,
    lastBatch = 'drop',
    epochs = Infinity,
    startAt = 0,
    part,
    workers = Math.min(4, Math.max(1, Math.floor(availableParallelism() / 2))),
    prefetch = workers + 1,
    onSkip = warnOfSkipped,
  } = checkOptions(options, optionNames, where);
  assertInteger(batchSize, 'batchSize', where);
  assertOneOf(crop, ['random', 'center'], 'crop', where);
  assertOneOf(lastBatch, ['drop', 'pad', 'partial'], 'lastBatch', where);
  assertInteger(startAt, 'startAt', where, 0, Number.MAX_SAFE_INTEGER);
  assertInteger(workers, 'workers', where, 0);
  assertInteger(prefetch, 'prefetch', where);
  if (epochs !== Infinity) assertInteger(epochs, 'epochs', where);
  if (part) assertPart(part, batchSize, where);
  const augmentation = streamAugmentation(options, where);
  if (!key && (shuffle || flip || crop === 'random' || augmentation?.steps.length)) throw keyMissing();
  const settings = { ...cropSettings(options), augment: augmentation?.steps };
  const sources = (conditionSource ? [source, conditionSource] : [source]).map((each) => completeSource(each, where));
  const [images, conditions] = sources;
  if (conditions) assertPairs(images!, conditions, where);
  if (augmentation) assertAugmentable(augmentation, images!, where);
  const planner = new BatchPlanner({
    length: images!.length,
    stretches: images!.stretches,
    batchSize,
    part,
    dropLast: lastBatch === 'drop',
    shuffle,
    randomCrop: augmentation?.randomCrop ?? crop === 'random',
    flip: augmentation?.flip ?? (flip ? 0.5 : 0),
    augment: augmentation !== undefined,
    key: key ?? randomKey(0),
  });
  if (planner.batchesPerEpoch === 0) {
    throw new ConfigError({
      where,
      expected: `at least batchSize = ${batchSize} images`,
      got: `${images!.length} in ${images!.name}`,
      fix: "Use a smaller batchSize, or lastBatch: 'pad'.",
    });
  }
  const rows = new RowMaker(sources, settings, workers);
  return new PlannedBatchStream({
    sources,
    decisive: { batchSize, ...settings, crop, flip, shuffle, key: key ?? null, lastBatch },
    planner,
    rows,
    maker: new BatchMaker(images!, planner, rows, lastBatch === 'drop'),
    imageSize: settings.imageSize,
    lastBatch,
    epochs,
    startAt,
    prefetch,
    onSkip,
  });
}

function cropSettings({ imageSize, resizeTo = imageSize }: CropOptions): CropSettings {
  const settings = { imageSize: toSize2D(imageSize), resizeTo: toSize2D(resizeTo) };
  for (const size of settings.imageSize) assertInteger(size, 'imageSize', where);
  for (const [axis, size] of settings.resizeTo.entries()) {
    assertInteger(size, 'resizeTo', where, settings.imageSize[axis]);
  }
  return settings;
}

function keyMissing(): ConfigError {
  return new ConfigError({
    where,
    expected: 'a key, because order, crops or flips are random',
    got: 'none',
    fix: 'Pass key: randomKey(seed).',
  });
}

function warnOfSkipped({ name, reason }: SkippedImage): void {
  process.emitWarning(printable(`${name} is not used: ${reason}`), 'VitvqDataWarning');
}
