import type { Tensor, Tensor3D, Variable } from '@tensorflow/tfjs-core';
import type { ImageOrCodeBatch } from '@vitvq/core';
import type { ConditionerConfig } from './conditioner-config.js';

/**
 * Describes images by numbers (features of another network, positions, attributes) and embeds them
 * with variables of its own. These are trained with the model and kept in its checkpoints and model
 * folders. The model must have no `conditionVocabSize`.
 */
export interface EmbeddingConditioner {
  /** Embedded vectors an image: the model's `conditionLength`. */
  readonly length: number;
  /** Their width: the model's `dim`. */
  readonly dim: number;
  /** Shape of the numbers of one image. */
  readonly inputShape: readonly number[];
  /** Of `inputShape`, row-major: no condition. `embed` must tell it from what images have. */
  readonly nullInput: Float32Array;
  /**
   * Whether the null condition is padded as the condition that it stands in for: vectors (along the
   * last axis of `inputShape`) that are all zeros in the input are zeros in its null input too, and
   * the others those of `nullInput`. @default false
   */
  readonly keepsPadding?: boolean;
  /** What must be the same when a run is resumed, as JSON. */
  readonly description: Readonly<Record<string, unknown>>;
  /**
   * What a model folder keeps of it besides its weights, so that `loadTransformer` makes it again;
   * without, it is given to `loadTransformer`.
   */
  readonly config?: ConditionerConfig;
  /**
   * Row-major `[count, ...inputShape]`, of the images of a batch that are not padding.
   * @throws {DataError} when the batch does not say what it must
   */
  ofBatch(batch: ImageOrCodeBatch): Float32Array | Promise<Float32Array>;
  /** float32 `[B, ...inputShape]` to `[B, C, D]`. Plain tfjs code, which compiles. */
  embed(input: Tensor): Tensor3D;
  /** By dotted name; `Module` of @vitvq/core has it. */
  namedVariables(): Map<string, Variable>;
}
