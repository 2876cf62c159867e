import * as tf from '@tensorflow/tfjs-core';
import type { RecordingBackend } from './composite.js';

/**
 * Computes `body()` with matrix products and convolutions in float32, gradients of every order
 * included, even where the function around it is compiled with a narrower precision: distances to
 * codes, of which the smallest is chosen, and small gradients that are squared. Elsewhere it only
 * calls `body`.
 */
export function inFullPrecision<T>(body: () => T): T {
  const backend = tf.backend() as Partial<RecordingBackend>;
  return backend.recordFullPrecision ? backend.recordFullPrecision(body) : body();
}
