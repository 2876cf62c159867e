import * as tf from '@tensorflow/tfjs-core';
import { foldIn, randomKey, randomNormal, type Module } from '@vitvq/core';

/** Returns N(0, 1) values of a seed. */
export function noise<R extends tf.Rank>(seed: number, shape: tf.ShapeMap[R]): tf.Tensor<R> {
  const size = (shape as number[]).reduce((product, side) => product * side, 1);
  return tf.tensor<R>(randomNormal(randomKey(seed), size), shape);
}

/** Moves every trainable variable, so that biases of 0 hide nothing. */
export function shake(module: Module, stddev = 0.3): void {
  [...module.namedTrainableVariables().values()].forEach((variable, index) => {
    const values = randomNormal(foldIn(randomKey(99), index), variable.size, 0, stddev);
    tf.tidy(() => variable.assign(tf.add(variable, tf.tensor(values, variable.shape))));
  });
}
