import * as tf from '@tensorflow/tfjs-core';
import { foldIn, randomKey, randomNormal, type Module } from '@vitvq/core';

/** N(0, 1) values of a seed. */
export function noise<R extends tf.Rank>(seed: number, shape: tf.ShapeMap[R]): tf.Tensor<R> {
  const size = (shape as number[]).reduce((product, side) => product * side, 1);
  return tf.tensor<R>(randomNormal(randomKey(seed), size), shape);
}

/** Gives every float variable other values, so that biases of 0 hide nothing. */
export function shake(module: Module, stddev = 0.3): void {
  [...module.namedTrainableVariables().values()].forEach((variable, index) => {
    const values = randomNormal(foldIn(randomKey(99), index), variable.size, 0, stddev);
    tf.tidy(() => variable.assign(tf.add(variable, tf.tensor(values, variable.shape))));
  });
}
