import { classifierSizeSchema, type ViTClassifierSize } from '@vitvq/classifier';
import { classifierTrainingSchema, type ClassifierTrainingConfig } from '@vitvq/classifier-trainer';
import { z } from 'zod';
import type { RunConfig, RunDataConfig, ShownImagesConfig, StageTrainingConfig } from './run-config.js';
import { refineBatchSize } from './refine-batch-size.js';
import { dataFields, generalFields, shownImagesSchema, stageTrainingFields } from './shared-fields.js';

/** A classifier of images, of as many classes as these have. */
export interface ClassifierStageConfig {
  readonly model: ViTClassifierSize;
  readonly training: Omit<ClassifierTrainingConfig, 'seed' | 'precision'> &
    StageTrainingConfig & { readonly images?: ShownImagesConfig };
}

/** A run that trains a classifier, as data. */
export interface ClassifierRunConfig extends Pick<
  RunConfig,
  'title' | 'seed' | 'precision' | 'engine' | 'threads' | 'mesh'
> {
  readonly data: Pick<RunDataConfig, 'train' | 'validation' | 'heldOut'>;
  readonly classifier: ClassifierStageConfig;
}

/** Schema of {@link ClassifierStageConfig}; it fills in the defaults. */
export const classifierStageSchema = z.strictObject({
  model: classifierSizeSchema,
  training: classifierTrainingSchema
    .omit({ seed: true, precision: true })
    .extend({ ...stageTrainingFields, images: shownImagesSchema }),
});

/** Schema of {@link ClassifierRunConfig}; it fills in the defaults. Unknown keys are problems. */
export const classifierRunConfigSchema = z
  .strictObject({
    ...generalFields,
    data: z.strictObject(dataFields),
    classifier: classifierStageSchema,
  })
  .superRefine(({ mesh, classifier: { training } }, context) =>
    refineBatchSize(mesh, training, ['classifier', 'training'], context),
  );

/** Config of a run that trains a classifier, with its defaults. */
export type ResolvedClassifierRunConfig = z.output<typeof classifierRunConfigSchema>;
