import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { BlockCache, KVCache } from '@vitvq/layers';

/** Inputs or outputs of a file by their names. */
export type NamedTensors = Record<string, Tensor>;

/** Returns `[B, M, n, headDim]` with zeros up to `length` positions. */
export function padPositions(x: Tensor4D, length: number): Tensor4D {
  return tf.pad(x, [
    [0, 0],
    [0, 0],
    [0, length - x.shape[2]],
    [0, 0],
  ]);
}

/**
 * Returns a KV cache of one segment for each block by names such as `present.0.keys`, and
 * `present.prefixMask` where some of the first positions are hidden.
 */
export function namedCache({ blocks, prefixMask }: KVCache): NamedTensors {
  const tensors: NamedTensors = {};
  for (const [index, { before, keys, values }] of blocks.entries()) {
    const name = `present.${index}`;
    tensors[`${name}.keys`] = keys[0]!;
    tensors[`${name}.values`] = values[0]!;
    if (before) tensors[`${name}.before`] = before;
  }
  if (prefixMask) tensors['present.prefixMask'] = prefixMask;
  return tensors;
}

/** Returns the KV cache among the inputs of a decode step. */
export function cacheOf(inputs: Readonly<NamedTensors>): KVCache {
  const blocks: BlockCache[] = [];
  for (let index = 0; inputs[`past.${index}.keys`]; index++) {
    blocks.push({
      before: inputs[`past.${index}.before`] as Tensor2D | undefined,
      keys: [inputs[`past.${index}.keys`] as Tensor4D],
      values: [inputs[`past.${index}.values`] as Tensor4D],
    });
  }
  return { blocks, prefixMask: inputs['past.prefixMask'] as Tensor2D | undefined };
}
