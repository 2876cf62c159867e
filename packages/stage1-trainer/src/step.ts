import { createStage1Gradients } from './gradients.js';
import { createStep, type Step, type StepUpdate } from './internal/create-step.js';
import type { Stage1LossOptions } from './loss.js';

export type Stage1StepOptions = Stage1LossOptions & StepUpdate;

/**
 * One training step of the tokenizer: the loss and the gradients of {@link createStage1Gradients}, clipping, update. It
 * compiles; what it changes are the variables of tokenizer and optimizer. Where a gradient is NaN or infinite nothing is
 * updated.
 * @returns a function of images `[B, H, W, C]` in [0, 1] and learning rate to {@link Stage1Values} with the `gradientNorm`
 *   over all variables before clipping, and `gradientNorms` `[V]`, in the order of `tokenizer.namedTrainableVariables()`; its
 *   caller disposes of both
 * @throws {ConfigError} for weights that make no sense, and for parts that are missing or do not fit
 */
export function createStage1Step(options: Stage1StepOptions): Step {
  return createStep(createStage1Gradients(options), options, 'createStage1Step');
}
