import { optimizerSchema, trainingFields, type TrainingConfig } from '@vitvq/training';
import { z } from 'zod';
import { transformerLossWeightsSchema, type TransformerLossWeights } from './loss-terms.js';

/**
 * Annealing of random orders into raster order (arXiv:2411.00776, section 3.2), for models that
 * take orders. All orders are random until `start`, and none is from `end` on; between them the
 * probability of a random order falls linearly.
 */
export interface OrderAnnealing {
  /** Fraction of the training, in [0, 1]. @default 0.5, as in the paper */
  readonly start?: number;
  /** Fraction of the training, in [0, 1], at least `start`. @default 0.75, as in the paper */
  readonly end?: number;
}

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
   * When random orders give way to raster order, for models that take orders; see
   * `ObjectiveOptions`. With other models it must be left out.
   * @default { start: 0.5, end: 0.75 } for a `RAR`, none for an any-order model
   */
  readonly orderAnnealing?: OrderAnnealing;
}

const fraction = z.number().min(0).max(1);

/** Schema of {@link OrderAnnealing}; it fills in the defaults. */
const orderAnnealingSchema = z
  .strictObject({ start: fraction.default(0.5), end: fraction.default(0.75) })
  .refine(({ start, end }) => start <= end, { path: ['end'], error: 'expected at least start' });

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
  // Without a default: other models have none, and checkpoints compare the config.
  orderAnnealing: orderAnnealingSchema.optional(),
});

/** Config of a transformer's training with its defaults. */
export type ResolvedTransformerTrainingConfig = z.output<typeof transformerTrainingSchema>;
