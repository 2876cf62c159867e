import * as tf from '@tensorflow/tfjs-core';
import { assertShape, formatShape, ShapeError } from '@vitvq/core';
import { assertSameFloats } from './internal/checks.js';

/**
 * Returns the mean absolute difference, `mean |prediction - target|`, over all elements.
 * @param prediction  float32, any shape
 * @param target  float32, the same shape; nothing is broadcast
 * @throws {ShapeError}
 * Ownership: as with every loss here, the inputs are not consumed and the caller disposes of the
 * scalar.
 */
export function l1Loss(prediction: tf.Tensor, target: tf.Tensor): tf.Scalar {
  assertSameFloats({ prediction, target }, 'l1Loss');
  return tf.tidy(() => tf.mean<tf.Scalar>(tf.abs(tf.sub(prediction, target))));
}

/**
 * Returns the mean squared difference, `mean (prediction - target)^2`, over all elements, without a
 * factor 1/2: the term L_2 of ViT-VQGAN (arXiv:2110.04627, sec. 3.3), whose weight is 1 there.
 * @param prediction  float32, any shape
 * @param target  float32, the same shape; nothing is broadcast
 * @throws {ShapeError}
 */
export function l2Loss(prediction: tf.Tensor, target: tf.Tensor): tf.Scalar {
  assertSameFloats({ prediction, target }, 'l2Loss');
  return tf.tidy(() => tf.mean<tf.Scalar>(tf.square(tf.sub(prediction, target))));
}

/**
 * Returns the mean squared error of vertical image gradients plus that of horizontal ones; a
 * gradient is the difference of two neighbouring pixels. It is the last term of the depth loss of
 * Eigen and Fergus (arXiv:1411.4734, sec. 4.1), with means over the pairs of neighbours, not over
 * the pixels. ViT-VQGAN and its reference do not have it.
 *
 * Beside an L2 loss it weights up fine detail, which L2 alone blurs, and a step between two patches
 * that the image does not have costs more than the same error spread over a patch. It does not see
 * an error that all pixels share, and cannot replace L1 or L2.
 * @param prediction  float32 images `[B, H, W, C]`, of 2x2 pixels or more
 * @param target  float32, the same shape
 * @throws {ShapeError}
 */
export function imageGradientLoss(prediction: tf.Tensor, target: tf.Tensor): tf.Scalar {
  assertSameFloats({ prediction, target }, 'imageGradientLoss');
  assertImages(target);
  return tf.tidy(() => {
    const error: tf.Tensor4D = tf.sub(prediction, target);
    const [batch, height, width, channels] = error.shape;
    const above = tf.slice(error, [0, 0, 0, 0], [batch, height - 1, width, channels]);
    const below = tf.slice(error, [0, 1, 0, 0], [batch, height - 1, width, channels]);
    const left = tf.slice(error, [0, 0, 0, 0], [batch, height, width - 1, channels]);
    const right = tf.slice(error, [0, 0, 1, 0], [batch, height, width - 1, channels]);
    return tf.add<tf.Scalar>(l2Loss(below, above), l2Loss(right, left));
  });
}

function assertImages(target: tf.Tensor): void {
  assertShape(target, ['B', 'H', 'W', 'C'], 'imageGradientLoss');
  const [, height, width] = target.shape;
  if (height! > 1 && width! > 1) return;
  throw new ShapeError({
    where: 'imageGradientLoss',
    expected: 'images of 2x2 pixels or more',
    got: formatShape(target.shape),
  });
}
