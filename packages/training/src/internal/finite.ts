import * as tf from '@tensorflow/tfjs-core';

/** 1 where everything in `x` is finite, else 0; compiles. */
function allFinite(x: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.min<tf.Scalar>(tf.cast(tf.less(tf.abs(x), Infinity), 'float32')));
}

/** A function that tells of each variable: 1 where all its values are finite, else 0. Compiles. */
export function finiteFlags(variables: readonly tf.Variable[]): () => tf.Tensor1D {
  return () => tf.tidy(() => tf.stack(variables.map(allFinite)) as tf.Tensor1D);
}
