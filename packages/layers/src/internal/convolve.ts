import * as tf from '@tensorflow/tfjs-core';
import { padImages, type Sides } from './pad-images.js';

/** Convolves images `[B, H, W, in]` with a filter `[kh, kw, in, out]`. */
export function convolve(
  images: tf.Tensor4D,
  filter: tf.Tensor4D,
  stride: number,
  padding: 'same' | Sides,
): tf.Tensor4D {
  if (padding === 'same') return tf.conv2d(images, filter, stride, 'same');
  const { left, right, top, bottom } = padding;
  const isEven = left === right && left === top && left === bottom;
  // tf.conv2d pads by itself where all sides are alike, which spares a copy of the images.
  return isEven
    ? tf.conv2d(images, filter, stride, left)
    : tf.conv2d(padImages(images, padding), filter, stride, 'valid');
}
