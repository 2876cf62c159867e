import { DataError, toSize2D, type ImageBatch, type HostImages } from '@vitvq/core';
import { imageToImagePlan, type ImageToImageData, type ImageToImageRun } from '@vitvq/example-shared';
import type { RunFolder } from '@vitvq/run';
import { QUICKSTART } from '@vitvq/tokenizer';
import { SCENES, SMOKE, type Settings } from './config.js';
import { paintScenes } from './scenes.js';

/** In their order. */
export const STAGES = ['tokenizer', 'transformer', 'measure'] as const;

/** Scenes and their maps. */
export interface SceneData extends ImageToImageData {
  readonly conditions: NonNullable<ImageToImageData['conditions']>;
}

/** What every stage gets; it reads the rest from the folder. */
export interface StageContext extends ImageToImageRun {
  readonly settings: Settings;
  readonly data: SceneData;
  readonly folder: RunFolder<(typeof STAGES)[number]>;
}

/** Paints the scenes of a run; those that are measured come after those that are learned from. */
export function openScenes({ images, smoke }: Settings): SceneData {
  const { train: count, imageSize: size } = smoke ? SMOKE : SCENES;
  const train = paintScenes({ from: 0, count, size });
  const test = paintScenes({ from: count, count: images, size });
  return {
    train: train.images,
    test: test.images,
    conditions: { train: train.maps, test: test.maps },
    sizes: { imageSize: size, patchSize: QUICKSTART.patchSize },
    shown: { crop: 'center', flip: true },
  };
}

/** Puts together what the stages get: a condition is the map of a scene. */
export function contextOf(
  settings: Settings,
  data: SceneData,
  { folder, signal }: Pick<StageContext, 'folder' | 'signal'>,
): StageContext {
  const { sizes } = data;
  const condition = { size: toSize2D(sizes.imageSize), of: mapsOf };
  return { settings, plan: imageToImagePlan(settings, sizes), data, condition, folder, signal };
}

/** @throws {DataError} for a batch without maps */
function mapsOf({ conditionImages }: ImageBatch): HostImages {
  if (conditionImages !== undefined) return conditionImages;
  throw new DataError({ where: 'segmentation-to-image', expected: 'batches with maps', got: 'one without' });
}
