import { toSize2D, type HostImages } from '@vitvq/core';
import { imageToImagePlan, type ImageToImageData, type ImageToImageRun } from '@vitvq/example-shared';
import type { RunFolder } from '@vitvq/run';
import type { Settings } from './config.js';
import { reduceImages } from './resize.js';

/** In their order. */
export const STAGES = ['tokenizer', 'transformer', 'measure'] as const;

/** What every stage gets; it reads the rest from the folder. */
export interface StageContext extends ImageToImageRun {
  readonly settings: Settings;
  readonly folder: RunFolder<(typeof STAGES)[number]>;
}

/** Puts together what the stages get: a condition is the image itself, reduced. */
export function contextOf(
  settings: Settings,
  data: ImageToImageData,
  { folder, signal }: Pick<StageContext, 'folder' | 'signal'>,
): StageContext {
  const { scale } = settings;
  const [height, width] = toSize2D(data.sizes.imageSize);
  return {
    settings,
    plan: imageToImagePlan(settings, data.sizes),
    data,
    condition: {
      size: [height / scale, width / scale],
      of: ({ images, shape }) => reduceImages({ data: images, shape: shape as HostImages['shape'] }, scale),
    },
    folder,
    signal,
  };
}
