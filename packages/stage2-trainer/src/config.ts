import { optimizerSchema, trainingFields, type TrainingConfig } from '@vitvq/training';
import { z } from 'zod';
import { transformerLossWeightsSchema, type TransformerLossWeights } from './loss-terms.js';

/**
 * How a transformer is trained, as data that JSON holds. A checkpoint keeps it, and resuming
 * compares it.
 */
export interface TransformerTrainingConfig extends TrainingConfig {
  /** Weights of the built-in terms of the loss. @default { crossEntropy: 1 } */
  readonly losses?: TransformerLossWeights;
  /**
   * Fraction of the examples, in [0, 1), whose condition is replaced by the conditioner's null
   * tokens, so that the model can be sampled with classifier-free guidance (Ho & Salimans 2022; 0.1
   * is common).
   * @default 0
   */
  readonly conditionDropRate?: number;
  /**
   * Any-order models: the part of training, in [0, 1], over which random orders give way to raster
   * order; see `ObjectiveOptions`. @default random orders throughout
   */
  readonly annealToRaster?: { readonly start: number; readonly end: number };
}

/**
 * Schema of {@link TransformerTrainingConfig}; it fills in the defaults. Unknown keys are problems
 * too.
 */
export const transformerTrainingSchema = z.strictObject({
  ...trainingFields,
  // The reference's parameter groups.
  optimizer: optimizerSchema('linear-weights'),
  losses: transformerLossWeightsSchema.prefault({}),
  conditionDropRate: z.number().min(0).lt(1).default(0),
  annealToRaster: z
    .strictObject({ start: z.number().min(0).max(1), end: z.number().min(0).max(1) })
    .refine(({ start, end }) => start <= end, { path: ['end'], error: 'expected at least start' })
    .optional(),
});

/** Config of a transformer's training with its defaults. */
export type ResolvedTransformerTrainingConfig = z.output<typeof transformerTrainingSchema>;
