import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import type { Conditions } from '../token-model.js';
import { conditionInput, type ConditionValues } from './condition-input.js';
import type { AnyConditioner, Conditioner } from './conditioner.js';
import type { EmbeddingConditioner } from './embedding-conditioner.js';

/**
 * Returns conditions as a model and a `Sampler` take them. The caller disposes of the tensor.
 * @param tokens  row-major `[B, C]`
 */
export function conditionTensor(conditioner: Conditioner, tokens: Int32Array): Tensor2D;
/**
 * Embeds the input of an `EmbeddingConditioner`. The caller disposes of the tensor.
 * @param input  row-major `[B, ...inputShape]`
 */
export function conditionTensor(conditioner: EmbeddingConditioner, input: Float32Array): Tensor3D;
export function conditionTensor(conditioner: AnyConditioner, values: ConditionValues): Conditions {
  const input = conditionInput(conditioner);
  return tf.tidy(() => input.embed(input.tensor(values)));
}

/**
 * Returns `count` rows that stand for no condition, such as `guidance.unconditional` of a `Sampler`
 * needs. The caller disposes of the tensor.
 */
export function nullConditions(conditioner: Conditioner, count: number): Tensor2D;
export function nullConditions(conditioner: EmbeddingConditioner, count: number): Tensor3D;
export function nullConditions(conditioner: AnyConditioner, count: number): Conditions;
export function nullConditions(conditioner: AnyConditioner, count: number): Conditions {
  const input = conditionInput(conditioner);
  return tf.tidy(() => input.embed(input.tensor(repeat(input.nullValues, count))));
}

/** Returns an array that holds the given values `count` times. */
export function repeat<T extends Int32Array | Float32Array>(values: T, count: number): T {
  const repeated = new (values.constructor as new (length: number) => T)(count * values.length);
  for (let index = 0; index < count; index++) repeated.set(values, index * values.length);
  return repeated;
}
