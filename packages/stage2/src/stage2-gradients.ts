import type { Variable } from '@tensorflow/tfjs-core';
import { namedGradients } from '@vitvq/optim';
import type { LossGradients } from '@vitvq/training';
import type { AutoregressiveModel, Conditions, ImageTokens } from './autoregressive-model.js';
import { crossEntropy } from './cross-entropy.js';
import type { DropoutMasks } from './dropout.js';

/** The value is `loss`, nats per token. Its caller disposes of value and gradients. */
export type Stage2Gradients = (
  conditions: Conditions,
  tokens: ImageTokens,
  dropoutMasks?: DropoutMasks,
) => LossGradients;

/** The variables that a training moves. */
export function trainedVariables(model: Pick<AutoregressiveModel, 'namedVariables'>): Map<string, Variable> {
  return new Map([...model.namedVariables()].filter(([, { trainable }]) => trainable));
}

/**
 * Next-token cross-entropy (arXiv:2110.04627, equation 2, a mean over tokens and levels instead of a sum) and its gradients.
 * Plain tfjs code, which compiles.
 */
export function createStage2Gradients(model: AutoregressiveModel): Stage2Gradients {
  return (conditions, tokens, dropoutMasks) => {
    const { value, gradients } = namedGradients(
      () => crossEntropy(model.logits(conditions, tokens, { dropoutMasks }), tokens),
      trainedVariables(model),
    );
    return { values: { loss: value }, gradients };
  };
}
