import type { ImageOrCodeBatch } from '@vitvq/core';
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
