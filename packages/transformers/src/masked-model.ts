import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import type { Conditions, LogitsOptions, TokenModel } from './token-model.js';

/**
 * Predicts all unknown tokens of an image at once, given those that are known, wherever they stand.
 * Plain TensorFlow.js code that compiles and reads no values.
 */
export interface MaskedModel extends TokenModel {
  /**
   * Returns the logits `[B, N, V]` of every position, known ones included.
   * @param tokens  int32 `[B, N]`; what stands at unknown positions is never seen
   * @param known  int32 `[B, N]`: 1 where the token is known, 0 where it is not
   */
  maskedLogits(conditions: Conditions, tokens: Tensor2D, known: Tensor2D, options?: LogitsOptions): Tensor3D;
}

/** Tells whether a model predicts unknown tokens at once. */
export function isMasked(model: TokenModel): model is MaskedModel {
  return 'maskedLogits' in model;
}
