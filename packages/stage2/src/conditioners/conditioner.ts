import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import type { Stage2Batch } from '../stage2-batch.js';
import type { ConditionerConfig } from './conditioner-config.js';

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
  ofBatch(batch: Stage2Batch): Int32Array | Promise<Int32Array>;
}

/** Condition tokens, row-major `[B, C]`, as a model and a `Sampler` take them; the caller disposes of the tensor. */
export function conditionTensor({ length }: Pick<Conditioner, 'length'>, tokens: Int32Array): Tensor2D {
  return tf.tensor2d(tokens, [tokens.length / length, length], 'int32');
}

/** No condition, `count` times: `guidance.unconditional` of a `Sampler`; the caller disposes of the tensor. */
export function nullConditions({ length, nullTokens }: Conditioner, count: number): Tensor2D {
  return tf.tensor2d(repeat(nullTokens, count), [count, length], 'int32');
}

/** The same tokens again and again. */
export function repeat(tokens: Int32Array, count: number): Int32Array {
  return Int32Array.from({ length: count * tokens.length }, (_, index) => tokens[index % tokens.length]!);
}
