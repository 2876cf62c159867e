import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor2D } from '@tensorflow/tfjs-core';

/**
 * Returns mean((sg[features] - codes)^2) + beta mean((features - sg[codes])^2). The two terms have
 * the same value and differ in where their gradients go: the first moves the codes, the second, the
 * commitment term, moves the features.
 */
export function quantizationLoss(features: Tensor2D, codes: Tensor2D, beta: number): Scalar {
  return tf.customGrad<Scalar>((...inputsAndSave) => {
    const [from, to, save] = inputsAndSave as [Tensor2D, Tensor2D, tf.GradSaveFunc];
    const difference = tf.sub(to, from);
    save([difference]);
    return {
      value: tf.mul(tf.mean(tf.square(difference)), 1 + beta),
      gradFunc: (dy, saved) => {
        const towardsFeatures = tf.mul(saved[0]!, tf.mul(dy, 2 / features.size));
        return [tf.mul(towardsFeatures, -beta), towardsFeatures];
      },
    };
  })(features, codes);
}
