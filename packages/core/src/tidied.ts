import * as tf from '@tensorflow/tfjs-core';

/** Runs `tf.tidy` for results of an interface type, which the types of TensorFlow.js refuse. */
export function tidied<T>(compute: () => T): T {
  return tf.tidy(() => compute() as tf.TensorContainer) as T;
}

/** Disposes of the tensors in a value of an interface type. */
export function disposeOf(value: object | undefined): void {
  tf.dispose(value as tf.TensorContainer);
}
