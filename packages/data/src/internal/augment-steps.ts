import { ConfigError, parseOptions } from '@vitvq/core';
import { z } from 'zod';
import { augmentationSchema, type AugmentationStep } from '../augmentation.js';
import type { BatchOptions } from '../batch-options.js';
import type { ImageDataset } from '../image-dataset.js';

/** What the steps of an augmentation ask of a stream of batches. */
export interface StreamAugmentation {
  readonly steps: readonly AugmentationStep[];
  readonly randomCrop: boolean;
  /** How often an image is mirrored. */
  readonly flip: number;
}

/**
 * Checks an augmentation together with the other options of a stream.
 * @throws {ConfigError} for a step that is none, and for options that do not go with the steps
 */
export function streamAugmentation(
  { augment, crop, flip, resizeTo, conditionSource }: BatchOptions,
  where: string,
): StreamAugmentation | undefined {
  if (augment === undefined) return undefined;
  const { augment: steps } = parseOptions(z.object({ augment: augmentationSchema }), { augment }, where);
  const has = (kind: AugmentationStep['kind']): boolean => steps.some((step) => step.kind === kind);
  const refuse = (got: string, fix: string): never => {
    throw new ConfigError({ where, expected: 'options that go with augment', got, fix });
  };
  if (crop !== undefined || flip !== undefined) {
    refuse('crop or flip as well', "Write { kind: 'crop' } and { kind: 'flip' } into augment.");
  }
  if (resizeTo !== undefined && has('random-resized-crop')) {
    refuse('resizeTo and a random resized crop', 'Leave resizeTo out: the crop is scaled to imageSize.');
  }
  if (conditionSource !== undefined && has('rand-augment')) {
    refuse('rand-augment and a conditionSource', 'RandAugment moves pixels, which condition images would not follow.');
  }
  const flipStep = steps.find((step) => step.kind === 'flip');
  return { steps, randomCrop: has('crop'), flip: flipStep?.probability ?? 0 };
}

/** @throws {ConfigError} where pixels are changed that are not red, green and blue */
export function assertAugmentable(
  { steps }: StreamAugmentation,
  { channels, name }: ImageDataset,
  where: string,
): void {
  const changesPixels = steps.some(({ kind }) => kind === 'color' || kind === 'rand-augment');
  if (!changesPixels || channels === 3) return;
  throw new ConfigError({
    where,
    expected: `3 channels in ${name}, because augment changes colours`,
    got: `${channels}`,
  });
}
