import * as tf from '@tensorflow/tfjs-core';

/** Makes a detached tensor while a function is traced. */
export type DetachRecorder = (x: tf.Tensor) => tf.Tensor;

let recorder: DetachRecorder | undefined;

/** For engines: installs the recorder of the trace that is under way and returns the previous one. */
export function setDetachRecorder(next: DetachRecorder | undefined): DetachRecorder | undefined {
  const previous = recorder;
  recorder = next;
  return previous;
}

/**
 * The same values, cut off from the gradient (stop-gradient, sg[x] in papers). Nothing is computed or copied: the result
 * is a second tensor on the same storage and is disposed of on its own. Unlike a custom gradient of zero it leaves no
 * entry on the tape, so integer results may be computed from it; it works while an engine records a trace.
 * @param x  any tensor or variable; a variable that is assigned later does not change the result
 */
export function detach<R extends tf.Rank>(x: tf.Variable<R>): tf.Tensor<R>;
export function detach<T extends tf.Tensor>(x: T): T;
export function detach(x: tf.Tensor): tf.Tensor {
  if (recorder) return recorder(x);
  const engine = tf.engine();
  // The backend that holds the values need not be the active one; it counts the tensors that share them.
  const owner = engine.state.tensorInfo.get(x.dataId)?.backend ?? engine.backend;
  owner.incRef(x.dataId);
  return engine.makeTensorFromTensorInfo({ dataId: x.dataId, shape: x.shape, dtype: x.dtype });
}
