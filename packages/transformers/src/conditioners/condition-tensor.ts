import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import type { Conditions } from '../autoregressive-model.js';
import { conditionInput, type ConditionValues } from './condition-input.js';
import type { AnyConditioner, Conditioner } from './conditioner.js';
import type { EmbeddingConditioner } from './embedding-conditioner.js';
import { repeat } from './repeat.js';

/**
 * Returns conditions as a model and a `Sampler` take them; the caller disposes of the tensor.
 * @param tokens  row-major `[B, C]`
 */
export function conditionTensor(conditioner: Conditioner, tokens: Int32Array): Tensor2D;
/** @param input  row-major `[B, ...inputShape]`; this function embeds it */
export function conditionTensor(conditioner: EmbeddingConditioner, input: Float32Array): Tensor3D;
export function conditionTensor(conditioner: AnyConditioner, values: ConditionValues): Conditions {
  const input = conditionInput(conditioner);
  return tf.tidy(() => input.embed(input.tensor(values)));
}

/**
 * Returns "no condition" for `count` images, which is `guidance.unconditional` of a `Sampler`; the
 * caller disposes of the tensor.
 */
export function nullConditions(conditioner: Conditioner, count: number): Tensor2D;
export function nullConditions(conditioner: EmbeddingConditioner, count: number): Tensor3D;
export function nullConditions(conditioner: AnyConditioner, count: number): Conditions {
  const input = conditionInput(conditioner);
  return tf.tidy(() => input.embed(input.tensor(repeat(input.nullValues, count))));
}
