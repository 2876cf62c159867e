import type { Tensor2D } from '@tensorflow/tfjs-core';
import type { AnyConditioner, MaskedModel } from '@vitvq/transformers';
import { embeddedConditions } from './embedded-conditions.js';
import type { NamedTensors } from './named-cache.js';

/**
 * Returns the function of `masked-logits.onnx`: `conditions`, `tokens` and which of them are
 * `known` to the `logits` of every position.
 */
export function maskedLogitsFunction(
  model: MaskedModel,
  conditioner: AnyConditioner,
): (inputs: NamedTensors) => NamedTensors {
  return ({ conditions, tokens, known }) => {
    const given = embeddedConditions(conditioner, conditions!);
    return { logits: model.maskedLogits(given, tokens as Tensor2D, known as Tensor2D) };
  };
}
