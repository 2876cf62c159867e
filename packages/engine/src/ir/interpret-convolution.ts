import * as tf from '@tensorflow/tfjs-core';
import type { ConvolutionAttributes } from './graph.js';

/**
 * Computes a convolution with a plain one: image and kernel are dilated, padded and cropped by
 * hand.
 */
export function convolution(x: tf.Tensor4D, y: tf.Tensor4D, attributes: ConvolutionAttributes): tf.Tensor {
  if (attributes.layout === 'channels_last') return channelsLast(x, y, attributes);
  const image = tf.transpose(x, [0, 2, 3, 1]);
  const kernel = tf.transpose(y, [2, 3, 1, 0]);
  return tf.transpose(channelsLast(image, kernel, attributes), [0, 3, 1, 2]);
}

function channelsLast(
  image: tf.Tensor4D,
  kernel: tf.Tensor4D,
  { padding, strides, lhsDilation, rhsDilation }: ConvolutionAttributes,
): tf.Tensor {
  const padded = padOrCrop(dilated(image, lhsDilation), padding, lhsDilation);
  // TensorFlow.js refuses strides and dilations together, so the kernel is dilated by hand.
  const [rows, columns, channels, features] = kernel.shape;
  const dilatedKernel = dilated(tf.reshape(kernel, [1, rows, columns, channels * features]), rhsDilation);
  const spread = tf.slice(
    tf.reshape<tf.Rank.R4>(dilatedKernel, [rows * rhsDilation[0], columns * rhsDilation[1], channels, features]),
    [0, 0, 0, 0],
    [(rows - 1) * rhsDilation[0] + 1, (columns - 1) * rhsDilation[1] + 1, channels, features],
  );
  return tf.conv2d(padded, spread, [strides[0], strides[1]], 'valid');
}

/** Puts zeros behind every row and column, so that they lie `steps` apart. */
function dilated(image: tf.Tensor4D, steps: readonly [number, number]): tf.Tensor4D {
  const [batch, height, width, channels] = image.shape;
  const spread = tf.pad(tf.reshape(image, [batch, height, 1, width, 1, channels]), [
    [0, 0],
    [0, 0],
    [0, steps[0] - 1],
    [0, 0],
    [0, steps[1] - 1],
    [0, 0],
  ]);
  return tf.reshape(spread, [batch, height * steps[0], width * steps[1], channels]);
}

/**
 * Adds the padding around a dilated image, whose last row and column have zeros behind them
 * already.
 */
function padOrCrop(
  image: tf.Tensor4D,
  [top, left, bottom, right]: ConvolutionAttributes['padding'],
  dilation: readonly [number, number],
): tf.Tensor4D {
  const [batch, height, width, channels] = image.shape;
  const low = [top, left] as const;
  const high = [bottom - (dilation[0] - 1), right - (dilation[1] - 1)] as const;
  const padded = tf.pad(image, [
    [0, 0],
    [Math.max(0, low[0]), Math.max(0, high[0])],
    [Math.max(0, low[1]), Math.max(0, high[1])],
    [0, 0],
  ]);
  const from = [Math.max(0, -low[0]), Math.max(0, -low[1])] as const;
  const size = [height + low[0] + high[0], width + low[1] + high[1]] as const;
  return tf.slice(padded, [0, from[0], from[1], 0], [batch, size[0], size[1], channels]);
}
