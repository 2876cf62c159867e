/**
 * Sampling as functions of named tensors, which are written as files. The KV cache has names such
 * as `past.0.keys`, with one segment for each block.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { BlockCache } from '@vitvq/layers';
import { prefixLengthOf, type AnyConditioner, type AutoregressiveModel, type Conditions } from '@vitvq/transformers';

type NamedTensors = Record<string, Tensor>;

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
    const given = 'embed' in conditioner ? conditioner.embed(conditions!) : (conditions as Conditions);
    const { hidden, added } = model.prefill(given, undefined, tf.scalar(0, 'int32'));
    const blocks = added.map(({ before, keys, values }): BlockCache => {
      return { before, keys: [padPositions(keys, length)], values: [padPositions(values, length)] };
    });
    return { ...predicted(model, hidden), ...namedCache(blocks) };
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
    const blocks = blocksOf(inputs);
    const { hidden, added } = model.decodeStep(inputs.tokens as Tensor2D, count, { blocks });
    // Conditions have the first positions, then tokens.
    const position = tf.add<Scalar>(count, tf.scalar(prefixLengthOf(model) - 1, 'int32'));
    const isNew = tf.reshape(tf.equal(tf.range(0, length, 1, 'int32'), position), [1, 1, length, 1]);
    const withNew = ([all]: readonly Tensor4D[], one: Tensor4D): Tensor4D[] => [tf.where(isNew, one, all!)];
    const next = added.map(({ before, keys, values }, index): BlockCache => {
      const block = blocks[index]!;
      return { before, keys: withNew(block.keys, keys), values: withNew(block.values, values) };
    });
    return { ...predicted(model, hidden), ...namedCache(next) };
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

/** Returns `[B, M, n, headDim]` with zeros up to `length` positions. */
function padPositions(x: Tensor4D, length: number): Tensor4D {
  return tf.pad(x, [
    [0, 0],
    [0, 0],
    [0, length - x.shape[2]],
    [0, 0],
  ]);
}

/** Returns a KV cache of one segment for each block by names such as `present.0.keys`. */
function namedCache(blocks: readonly BlockCache[]): NamedTensors {
  const tensors: NamedTensors = {};
  for (const [index, { before, keys, values }] of blocks.entries()) {
    const name = `present.${index}`;
    tensors[`${name}.keys`] = keys[0]!;
    tensors[`${name}.values`] = values[0]!;
    if (before) tensors[`${name}.before`] = before;
  }
  return tensors;
}

/** Returns the KV cache among the inputs of a decode step. */
function blocksOf(inputs: Readonly<NamedTensors>): BlockCache[] {
  const blocks: BlockCache[] = [];
  for (let index = 0; inputs[`past.${index}.keys`]; index++) {
    blocks.push({
      before: inputs[`past.${index}.before`] as Tensor2D | undefined,
      keys: [inputs[`past.${index}.keys`] as Tensor4D],
      values: [inputs[`past.${index}.values`] as Tensor4D],
    });
  }
  return blocks;
}
