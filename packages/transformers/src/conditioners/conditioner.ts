import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import type { ImageOrCodeBatch } from '@vitvq/core';
import type { Conditions } from '../autoregressive-model.js';
import { conditionInput, type ConditionValues } from '../internal/condition-input.js';
import type { ConditionerConfig } from './conditioner-config.js';
import type { EmbeddingConditioner } from './embedding-conditioner.js';

/**
 * Says in condition tokens what images are of. The model embeds them with tables of their own; one sequence, which no example
 * has otherwise, stands for no condition.
 */
export interface Conditioner {
  /** Condition tokens an image: the model's `conditionLength`. */
  readonly length: number;
  /** Number of condition tokens to choose from, those of `nullTokens` included: the model's `conditionVocabSize`. */
  readonly vocabSize: number;
  /** `[C]`: no condition. */
  readonly nullTokens: Int32Array;
  /** What must be the same when a run is resumed, as JSON. */
  readonly description: Readonly<Record<string, unknown>>;
  /** What a model folder keeps of it, so that `loadTransformer` makes it again; without, it is given to `loadTransformer`. */
  readonly config?: ConditionerConfig;
  /**
   * Row-major `[count, C]`, of the images of a batch that are not padding.
   * @throws {DataError} when the batch does not say what it must, or something out of range
   */
  ofBatch(batch: ImageOrCodeBatch): Int32Array | Promise<Int32Array>;
}

/** Either kind. */
export type AnyConditioner = Conditioner | EmbeddingConditioner;

/** Conditions as a model and a `Sampler` take them; the caller disposes of the tensor. @param tokens  row-major `[B, C]` */
export function conditionTensor(conditioner: Conditioner, tokens: Int32Array): Tensor2D;
/** @param input  row-major `[B, ...inputShape]`, which is embedded here */
export function conditionTensor(conditioner: EmbeddingConditioner, input: Float32Array): Tensor3D;
export function conditionTensor(conditioner: AnyConditioner, values: ConditionValues): Conditions {
  const input = conditionInput(conditioner);
  return tf.tidy(() => input.embed(input.tensor(values)));
}

/** No condition, `count` times: `guidance.unconditional` of a `Sampler`; the caller disposes of the tensor. */
export function nullConditions(conditioner: Conditioner, count: number): Tensor2D;
export function nullConditions(conditioner: EmbeddingConditioner, count: number): Tensor3D;
export function nullConditions(conditioner: AnyConditioner, count: number): Conditions {
  const input = conditionInput(conditioner);
  return tf.tidy(() => input.embed(input.tensor(repeat(input.nullValues, count))));
}

/** The same values again and again. */
export function repeat<T extends Int32Array | Float32Array>(values: T, count: number): T {
  const repeated = new (values.constructor as new (length: number) => T)(count * values.length);
  for (let index = 0; index < count; index++) repeated.set(values, index * values.length);
  return repeated;
}
