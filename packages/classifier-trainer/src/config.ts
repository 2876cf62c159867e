import { optimizerSchema, trainingFields, type TrainingConfig } from '@vitvq/training';
import { z } from 'zod';

/**
 * How a classifier is trained, as data that JSON holds. A checkpoint keeps it, and resuming
 * compares it.
 */
export interface ClassifierTrainingConfig extends TrainingConfig {
  /**
   * Share of the target, in [0, 1), that all classes get alike (arXiv:1512.00567, section 7).
   * @default 0
   */
  readonly labelSmoothing?: number;
}

/**
 * Schema of {@link ClassifierTrainingConfig}; it fills in the defaults. Unknown keys are problems
 * too.
 */
export const classifierTrainingSchema = z.strictObject({
  ...trainingFields,
  optimizer: optimizerSchema('weights'),
  labelSmoothing: z.number().min(0).lt(1).default(0),
});

/** Config of a classifier's training with its defaults. */
export type ResolvedClassifierTrainingConfig = z.output<typeof classifierTrainingSchema>;
