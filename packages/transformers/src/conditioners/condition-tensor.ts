import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import type { Conditions } from '../token-model.js';
import { conditionInput, repeat, type ConditionValues } from './condition-input.js';
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
 * needs; see {@link nullConditionsOf} for conditions with padding. The caller disposes of the
 * tensor.
 */
export function nullConditions(conditioner: Conditioner, count: number): Tensor2D;
export function nullConditions(conditioner: EmbeddingConditioner, count: number): Tensor3D;
export function nullConditions(conditioner: AnyConditioner, count: number): Conditions;
export function nullConditions(conditioner: AnyConditioner, count: number): Conditions {
  const input = conditionInput(conditioner);
  return tf.tidy(() => input.embed(input.tensor(repeat(input.nullValues, count))));
}

/**
 * Returns rows that stand for no condition in place of each of the given ones, for
 * `guidance.unconditional`: a null condition may be padded as the condition is. The caller disposes
 * of the tensor.
 * @param values  as {@link conditionTensor} takes them
 */
export function nullConditionsOf(conditioner: Conditioner, values: Int32Array): Tensor2D;
export function nullConditionsOf(conditioner: EmbeddingConditioner, values: Float32Array): Tensor3D;
export function nullConditionsOf(conditioner: AnyConditioner, values: ConditionValues): Conditions {
  const input = conditionInput(conditioner);
  return tf.tidy(() => input.embed(input.tensor(input.nullOf(values))));
}
