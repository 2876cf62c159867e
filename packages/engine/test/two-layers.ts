import * as tf from '@tensorflow/tfjs-core';
import { shardLike, shardOverModel } from '@vitvq/core';

/** Returns a wave of values, the same in every process. */
export function wave(shape: number[], scale: number): tf.Tensor {
  return tf.tidy(() => tf.mul(tf.sin(tf.reshape(tf.range(0, tf.util.sizeFromShape(shape)), shape)), scale));
}

/** Two layers whose weights can be sharded, and the momentum of the first. */
export interface TwoLayers {
  readonly variables: readonly tf.Variable[];
  /** Makes a step of gradient descent with a batch `[B, 6]`, and returns the loss. */
  update(batch: tf.Tensor2D): tf.Scalar;
}

/** Creates the layers, the same in every process. */
export function createTwoLayers(): TwoLayers {
  const first = tf.variable(wave([6, 8], 0.5) as tf.Tensor2D);
  const second = tf.variable(wave([8, 4], 0.4) as tf.Tensor2D);
  const moment = tf.variable(tf.zeros<tf.Rank.R2>([6, 8]));
  shardOverModel(first, 1);
  shardOverModel(second, 0);
  shardLike(moment, first);
  const lossOf = (batch: tf.Tensor2D): tf.Scalar =>
    tf.mean(tf.square(tf.matMul(tf.tanh(tf.matMul(batch, first)), second)));
  return {
    variables: [first, second, moment],
    update: (batch) => {
      const { value, grads } = tf.variableGrads(() => lossOf(batch), [first, second]);
      moment.assign(tf.add(tf.mul(moment, 0.9), grads[first.name]!));
      first.assign(tf.sub(first, tf.mul(moment, 0.1)));
      second.assign(tf.sub(second, tf.mul(grads[second.name]!, 0.1)));
      return value;
    },
  };
}
