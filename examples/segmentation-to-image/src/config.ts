/** The numbers of this example; those of models and trainings are in examples/shared. */
import { IMAGE_TO_IMAGE_SMOKE, type ImageToImageSettings } from '@vitvq/example-shared';

/** What decides the numbers of a run; results of other settings are not mixed. */
export interface Settings extends ImageToImageSettings {
  /** Test scenes that are measured. */
  readonly images: number;
}

export const DEFAULTS = { out: 'runs/segmentation-to-image', minutes: 10, images: 300 } as const;

/** Scenes to learn from, and the size of all scenes in pixels. */
export const SCENES = { train: 10_000, imageSize: 32 } as const;

/** `--smoke`: few and small scenes. */
export const SMOKE = {
  train: IMAGE_TO_IMAGE_SMOKE.trainImages,
  images: IMAGE_TO_IMAGE_SMOKE.testImages,
  imageSize: IMAGE_TO_IMAGE_SMOKE.imageSize,
} as const;

/** Scenes in the report. */
export const SHOWN = 12;
