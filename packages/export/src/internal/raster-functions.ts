/**
 * Sampling in raster order as functions of named tensors, which are written as files. The KV cache
 * has names such as `past.0.keys`, with one segment for each block.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { BlockCache } from '@vitvq/layers';
import { prefixLengthOf, type AnyConditioner, type AutoregressiveModel } from '@vitvq/transformers';
import { embeddedConditions } from './embedded-conditions.js';
import { cacheOf, namedCache, padPositions, type NamedTensors } from './named-cache.js';

/**
 * Returns the function of `prefill.onnx`: `conditions` to the `logits` (`hidden` with a code depth
 * above 1) of the first position and the KV cache.
 */
export function prefillFunction(
  model: AutoregressiveModel,
  conditioner: AnyConditioner,
): (inputs: NamedTensors) => NamedTensors {
  const length = cacheLength(model);
  return ({ conditions }) => {
    const given = embeddedConditions(conditioner, conditions!);
    const { hidden, added, prefixMask } = model.prefill(given, undefined, tf.scalar(0, 'int32'));
    const blocks = added.map(({ before, keys, values }): BlockCache => {
      return { before, keys: [padPositions(keys, length)], values: [padPositions(values, length)] };
    });
    return { ...predicted(model, hidden), ...namedCache({ blocks, prefixMask }) };
  };
}

/**
 * Returns the function of `decode-step.onnx`: `tokens` of the last position, `count` and the KV
 * cache to the `logits` (`hidden`) of the next position and the KV cache after it.
 */
export function decodeStepFunction(model: AutoregressiveModel): (inputs: NamedTensors) => NamedTensors {
  const length = cacheLength(model);
  return (inputs) => {
    const count = inputs.count as Scalar;
    const cache = cacheOf(inputs);
    const { blocks, prefixMask } = cache;
    const { hidden, added } = model.decodeStep(inputs.tokens as Tensor2D, count, cache);
    // Conditions have the first positions, then tokens.
    const position = tf.add<Scalar>(count, tf.scalar(prefixLengthOf(model) - 1, 'int32'));
    const isNew = tf.reshape(tf.equal(tf.range(0, length, 1, 'int32'), position), [1, 1, length, 1]);
    const withNew = ([all]: readonly Tensor4D[], one: Tensor4D): Tensor4D[] => [tf.where(isNew, one, all!)];
    const next = added.map(({ before, keys, values }, index): BlockCache => {
      const block = blocks[index]!;
      return { before, keys: withNew(block.keys, keys), values: withNew(block.values, values) };
    });
    const after = { blocks: next, prefixMask: prefixMask && tf.clone(prefixMask) };
    return { ...predicted(model, hidden), ...namedCache(after) };
  };
}

/**
 * Returns the function of `predict.onnx`: `hidden` and the first codes `tokens` `[B, L - 1]` of a
 * position to `logits` `[B, L, V]`.
 */
export function predictFunction(model: AutoregressiveModel): (inputs: NamedTensors) => NamedTensors {
  return ({ hidden, tokens }) => ({
    logits: tf.stack(logitsOf(model, hidden as Tensor2D, tokens as Tensor2D), 1),
  });
}

/** Returns the number of positions of the KV cache: all but the last token, which is never fed. */
function cacheLength(model: AutoregressiveModel): number {
  return prefixLengthOf(model) + model.grid[0] * model.grid[1] - 1;
}

function predicted(model: AutoregressiveModel, hidden: Tensor2D): NamedTensors {
  return model.codeDepth === 1 ? { logits: logitsOf(model, hidden)[0]! } : { hidden };
}

/** Returns the logits `[B, V]` of each code of a token, given the codes before it, `[B, L - 1]`. */
function logitsOf(model: AutoregressiveModel, hidden: Tensor2D, above?: Tensor2D): Tensor2D[] {
  const logits: Tensor2D[] = [];
  model.predict(hidden, (rows, level) => {
    logits.push(rows);
    const isKnown = above && level < above.shape[1];
    // Nothing sees the choice of the last code.
    return isKnown ? tf.squeeze<Tensor1D>(tf.slice(above, [0, level], [-1, 1]), [1]) : tf.argMax(rows, 1);
  });
  return logits;
}
