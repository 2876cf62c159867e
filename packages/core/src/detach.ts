import * as tf from '@tensorflow/tfjs-core';

/**
 * The same values, cut off from the gradient (stop-gradient, sg[x] in papers). Nothing is computed or copied: the result
 * is a second tensor on the same storage and is disposed of on its own. Unlike a custom gradient of zero it leaves no
 * entry on the tape, so integer results may be computed from it; it works while an engine records a trace.
 * @param x  any tensor or variable; a variable that is assigned later does not change the result
 */
export function detach<R extends tf.Rank>(x: tf.Variable<R>): tf.Tensor<R>;
export function detach<T extends tf.Tensor>(x: T): T;
export function detach(x: tf.Tensor): tf.Tensor {
  const engine = tf.engine();
  // The backend that holds the values need not be the active one; it counts the tensors that share them.
  const owner = engine.state.tensorInfo.get(x.dataId)?.backend ?? engine.backend;
  owner.incRef(x.dataId);
  return engine.makeTensorFromTensorInfo({ dataId: x.dataId, shape: x.shape, dtype: x.dtype });
}
