import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, assertShape, ConfigError } from '@vitvq/core';

export interface Upfirdn2dOptions {
  /** Each pixel is followed by `up - 1` zeros along both axes. @default 1 */
  readonly up?: number;
  /** Of the filtered pixels every `down`-th is kept. @default 1 */
  readonly down?: number;
  /** Zeros before and after each axis, in pixels of the upsampled image; negative numbers crop. @default [0, 0] */
  readonly pad?: readonly [before: number, after: number];
}

/**
 * Upsamples, pads, filters and downsamples each channel by itself, the building block of StyleGAN2's resampling
 * (arXiv:1912.04958, appendix B; `upfirdn2d` of its code). A true convolution: the kernel is flipped.
 *
 * Made of `conv2d` with the channels folded into the batch. A depthwise convolution would say the same, but TensorFlow.js
 * has no second-order gradients for it, and R1 needs them.
 * @param x  float32 `[B, H, W, C]`
 * @param kernel  float32 `[kh, kw]`
 * @returns  `[B, (H·up + before + after - kh) / down + 1, ..., C]`, rounded down
 * @throws {ShapeError} @throws {ConfigError} when the padded image is smaller than the kernel
 */
export function upfirdn2d(
  x: tf.Tensor4D,
  kernel: tf.Tensor2D,
  { up = 1, down = 1, pad: [before, after] = [0, 0] }: Upfirdn2dOptions = {},
): tf.Tensor4D {
  const where = 'upfirdn2d';
  assertShape(x, ['B', 'H', 'W', 'C'], where);
  assertShape(kernel, ['kh', 'kw'], where);
  assertInteger(up, 'up', where);
  assertInteger(down, 'down', where);
  const [batch, height, width, channels] = x.shape;
  const [kernelHeight, kernelWidth] = kernel.shape;
  const padded = [height * up + before + after, width * up + before + after] as const;
  if (!(padded[0] >= kernelHeight && padded[1] >= kernelWidth)) {
    throw new ConfigError({
      where,
      expected: `at least as many pixels as the kernel ${kernelHeight}x${kernelWidth} after padding by [${before}, ${after}]`,
      got: padded.join('x'),
    });
  }
  return tf.tidy(() => {
    const planes = tf.reshape<tf.Rank.R4>(tf.transpose(x, [0, 3, 1, 2]), [batch * channels, height, width, 1]);
    const image = resize(zeroStuff(planes, up), before, after);
    const filter = tf.reshape<tf.Rank.R4>(tf.reverse(kernel, [0, 1]), [kernelHeight, kernelWidth, 1, 1]);
    const filtered = tf.conv2d(image, filter, down, 'valid'); // [B·C, H', W', 1]
    const [, newHeight, newWidth] = filtered.shape;
    return tf.transpose(tf.reshape<tf.Rank.R4>(filtered, [batch, channels, newHeight, newWidth]), [0, 2, 3, 1]);
  });
}

/** `[N, H, W, 1]` to `[N, H·up, W·up, 1]`. */
function zeroStuff(planes: tf.Tensor4D, up: number): tf.Tensor4D {
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

/** Pads both axes with zeros; negative amounts crop. */
function resize(planes: tf.Tensor4D, before: number, after: number): tf.Tensor4D {
  const [low, high] = [Math.max(before, 0), Math.max(after, 0)];
  const side: [number, number] = [low, high];
  const grown = low || high ? tf.pad(planes, [[0, 0], side, side, [0, 0]]) : planes;
  if (before >= 0 && after >= 0) return grown;
  const [count, height, width] = grown.shape;
  const [first, last] = [Math.max(-before, 0), Math.max(-after, 0)];
  return tf.slice(grown, [0, first, first, 0], [count, height - first - last, width - first - last, 1]);
}

/**
 * `[n, n]`, the outer product of taps with themselves, scaled to a sum of 1; `[1, 3, 3, 1]` is StyleGAN2's blur.
 * @throws {ConfigError} unless the taps are finite numbers with a sum other than 0
 */
export function blurKernel(taps: readonly number[], where = 'blurKernel'): { shape: number[]; data: Float32Array } {
  const sum = taps.reduce((total, tap) => total + tap, 0);
  if (taps.length === 0 || !Number.isFinite(sum) || sum === 0) {
    throw new ConfigError({
      where,
      expected: 'blurKernel to be one or more finite numbers whose sum is not 0',
      got: `[${taps.join(', ')}]`,
    });
  }
  const size = taps.length;
  const data = Float32Array.from({ length: size * size }, (_, index) => {
    return (taps[Math.floor(index / size)]! * taps[index % size]!) / (sum * sum);
  });
  return { shape: [size, size], data };
}
