import * as tf from '@tensorflow/tfjs-core';
import { foldIn, randomKey, randomNormal, type Module } from '@vitvq/core';

/** Returns N(0, stddev^2) values of a seed. */
export function normal<R extends tf.Rank = tf.Rank>(shape: number[], seed: number, stddev = 1): tf.Tensor<R> {
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor<R>(randomNormal(randomKey(seed), size, 0, stddev), shape as tf.ShapeMap[R]);
}

/** Moves every trainable variable, so that scales of 1 and biases of 0 hide nothing. */
export function shake(module: Module, seed = 99, stddev = 0.3): void {
  [...module.namedTrainableVariables().values()].forEach((variable, index) => {
    const noise = randomNormal(foldIn(randomKey(seed), index), variable.size, 0, stddev);
    tf.tidy(() => variable.assign(tf.add(variable, tf.tensor(noise, variable.shape))));
  });
}
