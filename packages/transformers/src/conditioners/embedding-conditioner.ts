import type { Tensor, Tensor3D, Variable } from '@tensorflow/tfjs-core';
import type { ImageOrCodeBatch } from '@vitvq/core';

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
  /** What must be the same when a run is resumed, as JSON. */
  readonly description: Readonly<Record<string, unknown>>;
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
