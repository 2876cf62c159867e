import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, assertShape, ConfigError } from '@vitvq/core';
import { padImages, toSides } from './internal/pad-images.js';
import type { Padding2D } from './padding-2d.js';

/** Options of {@link upfirdn2d}. */
export interface Upfirdn2dOptions {
  /** Upsampling factor: `up - 1` zeros follow each pixel along both axes. @default 1 */
  readonly up?: number;
  /** Downsampling factor: of the filtered pixels every `down`-th is kept. @default 1 */
  readonly down?: number;
  /**
   * Zeros around the upsampled image, in its pixels; negative numbers crop. The sides may differ:
   * `[left, right, top, bottom]`. @default 0
   */
  readonly pad?: Padding2D;
}

/**
 * Upsamples, pads, filters and downsamples each channel by itself: the building block of
 * StyleGAN2's resampling (arXiv:1912.04958, appendix B; `upfirdn2d` of its code). The filter is a
 * true convolution: the kernel is flipped along both axes. The kernel need be neither square nor
 * separable.
 *
 * The channels are folded into the batch of a `conv2d`. A depthwise convolution would compute the
 * same, but TensorFlow.js has no second-order gradients for it, and R1 needs them.
 * @param x  float32 `[B, H, W, C]`
 * @param kernel  float32 `[kh, kw]`
 * @returns  `[B, floor((H·up + top + bottom - kh) / down) + 1,
 *   floor((W·up + left + right - kw) / down) + 1, C]`
 * @throws {ShapeError}
 * @throws {ConfigError} when the padded image is smaller than the kernel
 */
export function upfirdn2d(
  x: tf.Tensor4D,
  kernel: tf.Tensor2D,
  { up = 1, down = 1, pad = 0 }: Upfirdn2dOptions = {},
): tf.Tensor4D {
  const where = 'upfirdn2d';
  assertShape(x, ['B', 'H', 'W', 'C'], where);
  assertShape(kernel, ['kh', 'kw'], where);
  assertInteger(up, 'up', where);
  assertInteger(down, 'down', where);
  const sides = toSides(pad, 'pad', where);
  const [batch, height, width, channels] = x.shape;
  const [kernelHeight, kernelWidth] = kernel.shape;
  const padded = [height * up + sides.top + sides.bottom, width * up + sides.left + sides.right] as const;
  if (padded[0] < kernelHeight || padded[1] < kernelWidth) {
    throw new ConfigError({
      where,
      expected:
        `at least as many pixels as the kernel ${kernelHeight}x${kernelWidth} after padding by ` +
        `[${Object.values(sides).join(', ')}]`,
      got: padded.join('x'),
    });
  }
  return tf.tidy(() => {
    const planes = tf.reshape<tf.Rank.R4>(tf.transpose(x, [0, 3, 1, 2]), [batch * channels, height, width, 1]);
    const image = padImages(insertZeros(planes, up), sides);
    const filter = tf.reshape<tf.Rank.R4>(tf.reverse(kernel, [0, 1]), [kernelHeight, kernelWidth, 1, 1]);
    const filtered = tf.conv2d(image, filter, down, 'valid'); // [B·C, H', W', 1]
    const [, newHeight, newWidth] = filtered.shape;
    return tf.transpose(tf.reshape<tf.Rank.R4>(filtered, [batch, channels, newHeight, newWidth]), [0, 2, 3, 1]);
  });
}

/** Spreads `[N, H, W, 1]` to `[N, H·up, W·up, 1]` with zeros after each pixel. */
function insertZeros(planes: tf.Tensor4D, up: number): tf.Tensor4D {
  if (up === 1) return planes;
  const [count, height, width] = planes.shape;
  const spread = tf.pad(tf.reshape(planes, [count * height, 1, width, 1]), [
    [0, 0],
    [0, up - 1],
    [0, 0],
    [0, up - 1],
  ]);
  return tf.reshape<tf.Rank.R4>(spread, [count, height * up, width * up, 1]);
}
