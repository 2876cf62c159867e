import { createDiscriminatorGradients, type DiscriminatorGradientOptions } from './discriminator-gradients.js';
import { createStep, type Step, type StepUpdate } from './internal/create-step.js';

export type DiscriminatorStepOptions = DiscriminatorGradientOptions & StepUpdate;

/**
 * One training step of the discriminator: the loss and the gradients of {@link createDiscriminatorGradients}, clipping,
 * update. It compiles; what it changes are the variables of discriminator and optimizer. Where a gradient is NaN or
 * infinite nothing is updated.
 * @returns as `createStage1Step`: values with `gradientNorm`, and `gradientNorms` `[V]` in the order of
 *   `discriminator.namedTrainableVariables()`
 * @throws {ConfigError} for weights that make no sense, and for a discriminator that does not fit the tokenizer's images
 */
export function createDiscriminatorStep(options: DiscriminatorStepOptions): Step {
  return createStep(createDiscriminatorGradients(options), options, 'createDiscriminatorStep');
}
