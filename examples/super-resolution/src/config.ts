/** The numbers of this example; those of models and trainings are in examples/shared. */
import { IMAGE_TO_IMAGE_SMOKE, type ImageToImageSettings } from '@vitvq/example-shared';

/** What decides the numbers of a run; results of other settings are not mixed. */
export interface Settings extends ImageToImageSettings {
  /** Side of a small pixel, in pixels of the large image. */
  readonly scale: number;
  /** Test images that are measured. */
  readonly images: number;
  /** Present for images of one's own; which ones, their fingerprints tell. */
  readonly ownImages?: true;
}

export const DEFAULTS = { out: 'runs/super-resolution', minutes: 10, scale: '4', images: 300 } as const;

/** Test images that `--smoke` measures. */
export const SMOKE_IMAGES = IMAGE_TO_IMAGE_SMOKE.testImages;

/** Images in the report. */
export const SHOWN = 12;
