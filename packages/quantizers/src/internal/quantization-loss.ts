import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { countRows, meanOf } from './row-means.js';

/**
 * Returns mean((sg[features] - codes)^2) + beta mean((features - sg[codes])^2). The two terms have
 * the same value and differ in where their gradients go: the first moves the codes, the second, the
 * commitment term, moves the features.
 * @param weights  1, or 0 for a row that does not count, `[rows]`; undefined: all count
 */
export function quantizationLoss(features: Tensor2D, codes: Tensor2D, beta: number, weights?: Tensor1D): Scalar {
  return tf.customGrad<Scalar>((...inputsAndSave) => {
    const [from, to, save] = inputsAndSave as [Tensor2D, Tensor2D, tf.GradSaveFunc];
    const difference = tf.sub<Tensor2D>(to, from);
    const counted = weights
      ? tf.div(tf.mul(difference, tf.expandDims(weights, 1)), tf.mul(countRows(weights), features.shape[1]))
      : tf.div(difference, features.size);
    save([counted]);
    return {
      value: tf.mul(meanOf(tf.square(difference), weights), 1 + beta),
      gradFunc: (dy, saved) => {
        const towardsFeatures = tf.mul(saved[0]!, tf.mul(dy, 2));
        return [tf.mul(towardsFeatures, -beta), towardsFeatures];
      },
    };
  })(features, codes);
}
