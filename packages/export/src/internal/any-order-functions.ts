/**
 * Sampling in any order as functions of named tensors, which are written as files. The KV cache has
 * one segment for each block: the conditions, a group of slots that nothing sees, the tokens.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { writeSlots, type BlockCache } from '@vitvq/layers';
import type { AnyConditioner, AnyOrderModel } from '@vitvq/transformers';
import { embeddedConditions } from './embedded-conditions.js';
import { cacheOf, namedCache, padPositions, type NamedTensors } from './named-cache.js';

/**
 * Returns the function of `prefill.onnx`: `conditions` and the positions `next` of the first step
 * to the `logits` of these positions and the KV cache.
 */
export function orderedPrefillFunction(
  model: AnyOrderModel,
  conditioner: AnyConditioner,
  tokensPerStep: number,
): (inputs: NamedTensors) => NamedTensors {
  const { conditionLength, grid } = model;
  // The tokens of the last step are never read; the group that nothing sees has their room.
  const slots = conditionLength + Math.ceil((grid[0] * grid[1]) / tokensPerStep) * tokensPerStep;
  return ({ conditions, next }) => {
    const added = model.readConditions(embeddedConditions(conditioner, conditions!));
    const blocks = added.map(({ keys, values }): BlockCache => {
      return { keys: [padPositions(keys, slots)], values: [padPositions(values, slots)] };
    });
    // No token is known, and nothing sees those that stand for them.
    const none = tf.zerosLike(next as Tensor2D);
    const count = tf.scalar(0, 'int32');
    const { logits } = model.nextGroup({ tokens: none, positions: none, next: next as Tensor2D, count }, { blocks });
    return { logits, ...namedCache({ blocks }) };
  };
}

/**
 * Returns the function of `decode-step.onnx`: `tokens` of the last step, their `positions`, the
 * `count` of known tokens, the positions `next` and the KV cache to the `logits` of the next
 * positions and the KV cache after the tokens.
 */
export function orderedStepFunction(model: AnyOrderModel): (inputs: NamedTensors) => NamedTensors {
  return (inputs) => {
    const count = inputs.count as Scalar;
    const [tokens, positions, next] = [inputs.tokens, inputs.positions, inputs.next] as Tensor2D[];
    const { blocks } = cacheOf(inputs);
    const { logits, added } = model.nextGroup(
      { tokens: tokens!, positions: positions!, next: next!, count },
      { blocks },
    );
    const slot = tf.add<Scalar>(count, tf.scalar(model.conditionLength, 'int32'));
    const withNew = ([all]: readonly Tensor4D[], some: Tensor4D): Tensor4D[] => [writeSlots(all!, some, slot)];
    const after = added.map(({ keys, values }, index): BlockCache => {
      const block = blocks[index]!;
      return { keys: withNew(block.keys, keys), values: withNew(block.values, values) };
    });
    return { logits, ...namedCache({ blocks: after }) };
  };
}
