import * as tf from '@tensorflow/tfjs-core';

/**
 * Scales images `[B, H, W, C]` by two matrix products, whose weights are those of linear
 * interpolation, widened where the images shrink, so that every pixel counts.
 */
export function resizeImages(images: tf.Tensor4D, [height, width]: readonly [number, number]): tf.Tensor4D {
  const [batch, fromHeight, fromWidth, channels] = images.shape;
  if (fromHeight === height && fromWidth === width) return images;
  return tf.tidy(() => {
    const rows = tf.matMul(
      tf.tile(tf.expandDims(scalingMatrix(fromHeight, height), 0), [batch, 1, 1]),
      tf.reshape<tf.Rank.R3>(images, [batch, fromHeight, fromWidth * channels]),
    ); // [B, height, fromWidth·C]
    const columns = tf.reshape(tf.transpose(tf.reshape(rows, [batch, height, fromWidth, channels]), [0, 1, 3, 2]), [
      -1,
      fromWidth,
    ]);
    const scaled = tf.matMul(columns, scalingMatrix(fromWidth, width), false, true);
    return tf.transpose<tf.Tensor4D>(tf.reshape(scaled, [batch, height, channels, width]), [0, 1, 3, 2]);
  });
}

/** Returns the weights `[to, from]` of each old pixel in each new one. */
function scalingMatrix(from: number, to: number): tf.Tensor2D {
  const ratio = from / to;
  const reach = Math.max(1, ratio);
  const weights = new Float32Array(to * from);
  for (let place = 0; place < to; place++) {
    const centre = (place + 0.5) * ratio - 0.5;
    const own = weights.subarray(place * from, (place + 1) * from);
    for (let at = 0; at < from; at++) own[at] = Math.max(0, 1 - Math.abs(at - centre) / reach);
    const total = own.reduce((sum, weight) => sum + weight, 0);
    own.forEach((weight, at) => (own[at] = weight / total));
  }
  return tf.tensor2d(weights, [to, from]);
}
