import type { Tensor } from '@tensorflow/tfjs-core';
import type { AnyConditioner, Conditions } from '@vitvq/transformers';

/**
 * Returns conditions as a model takes them: tokens as they are, numbers as the conditioner embeds
 * them.
 */
export function embeddedConditions(conditioner: AnyConditioner | undefined, conditions: Tensor): Conditions {
  return conditioner && 'embed' in conditioner ? conditioner.embed(conditions) : (conditions as Conditions);
}
