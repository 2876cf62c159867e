import * as tf from '@tensorflow/tfjs-core';
import type { RecordingBackend } from './composite.js';

/**
 * Returns the same values without their gradient (stop-gradient, sg[x] in papers). Nothing is
 * computed or copied: the result is a second tensor on the same storage and is disposed of
 * separately. Unlike a custom gradient of zero, it leaves no entry on the tape, so integer results
 * may be computed from it. It works while an engine traces a function.
 * @param x  any tensor or variable; assigning the variable later does not change the result
 */
export function detach<R extends tf.Rank>(x: tf.Variable<R>): tf.Tensor<R>;
export function detach<T extends tf.Tensor>(x: T): T;
export function detach(x: tf.Tensor): tf.Tensor {
  const active = tf.backend() as Partial<RecordingBackend>;
  if (active.recordDetach) return active.recordDetach(x);
  const engine = tf.engine();
  // The backend that holds the values counts the tensors that share them; it need not be the active
  // one.
  const owner = engine.state.tensorInfo.get(x.dataId)?.backend ?? engine.backend;
  owner.incRef(x.dataId);
  return engine.makeTensorFromTensorInfo({ dataId: x.dataId, shape: x.shape, dtype: x.dtype });
}
