import * as tf from '@tensorflow/tfjs-core';

/** `tf.tidy` for results of an interface type, which TensorFlow.js's own type refuses. */
export function tidied<T>(compute: () => T): T {
  return tf.tidy(() => compute() as tf.TensorContainer) as T;
}

/** `tf.dispose` for values of an interface type. */
export function disposeOf(value: object | undefined): void {
  tf.dispose(value as tf.TensorContainer);
}
