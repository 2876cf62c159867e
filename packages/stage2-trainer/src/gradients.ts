import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import type { DropoutMasks } from '@vitvq/layers';
import { crossEntropy } from '@vitvq/losses';
import { namedGradients } from '@vitvq/optim';
import type { LossGradients } from '@vitvq/training';
import {
  conditionInput,
  variablesWithConditioner,
  Unconditional,
  type AutoregressiveModel,
  type ImageTokens,
  type AnyConditioner,
} from '@vitvq/transformers';

/**
 * The value is `loss`, nats per token. Its caller disposes of value and gradients.
 * @param conditions  tokens `[B, C]`, or the numbers `[B, ...inputShape]` that a conditioner embeds
 */
export type Stage2Gradients = (conditions: Tensor, tokens: ImageTokens, dropoutMasks?: DropoutMasks) => LossGradients;

/** The variables that a training moves: the model's, and those of a conditioner that embeds, after `conditioner.`. */
export function trainedVariables(
  model: Pick<AutoregressiveModel, 'namedVariables'>,
  conditioner: AnyConditioner,
): Map<string, Variable> {
  return new Map([...variablesWithConditioner(model, conditioner)].filter(([, { trainable }]) => trainable));
}

/**
 * Next-token cross-entropy (arXiv:2110.04627, equation 2, a mean over tokens and levels instead of a sum) and its gradients.
 * Plain tfjs code, which compiles.
 * @param conditioner  matters where it embeds: its variables have gradients too, after `conditioner.`
 */
export function createStage2Gradients(
  model: AutoregressiveModel,
  conditioner: AnyConditioner = new Unconditional(),
): Stage2Gradients {
  const input = conditionInput(conditioner);
  return (conditions, tokens, dropoutMasks) => {
    const { value, gradients } = namedGradients(
      () => crossEntropy(model.logits(input.embed(conditions), tokens, { dropoutMasks }), tokens),
      trainedVariables(model, conditioner),
    );
    return { values: { loss: value }, gradients };
  };
}
