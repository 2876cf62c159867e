import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, assertShape, ConfigError, printable } from '@vitvq/core';
import { padImages, toSides, type Sides } from './internal/pad-images.js';
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
 * A filter that is the outer product of taps along each axis, given as numbers. It is computed as
 * two products with band matrices, which is several times faster than a convolution of single
 * channels.
 */
export interface SeparableKernel {
  /** `[kh]`, from the top down. */
  readonly vertical: readonly number[];
  /** `[kw]`, from left to right. */
  readonly horizontal: readonly number[];
}

/**
 * Longest side, in pixels, that a separable filter is computed on as matrix products, whose cost
 * for a pixel grows with the side.
 */
const longestProduct = 256;

/**
 * Upsamples, pads, filters and downsamples each channel by itself: the building block of
 * StyleGAN2's resampling (arXiv:1912.04958, appendix B; `upfirdn2d` of its code). The filter is a
 * true convolution: the kernel is flipped along both axes. The kernel need be neither square nor
 * separable.
 *
 * A separable kernel of numbers becomes a matrix for each axis, with upsampling, padding and
 * downsampling in it. Otherwise, and for images of more than 256 pixels, the channels are folded
 * into the batch of a `conv2d`. A depthwise convolution would compute the same, but TensorFlow.js
 * has no second-order gradients for it, and R1 needs them.
 * @param x  float32 `[B, H, W, C]`
 * @param kernel  float32 `[kh, kw]`, or the taps of a separable one
 * @returns  `[B, floor((H·up + top + bottom - kh) / down) + 1,
 *   floor((W·up + left + right - kw) / down) + 1, C]`
 * @throws {ShapeError}
 * @throws {ConfigError} when the padded image is smaller than the kernel
 */
export function upfirdn2d(
  x: tf.Tensor4D,
  kernel: tf.Tensor2D | SeparableKernel,
  { up = 1, down = 1, pad = 0 }: Upfirdn2dOptions = {},
): tf.Tensor4D {
  const where = 'upfirdn2d';
  assertShape(x, ['B', 'H', 'W', 'C'], where);
  const separable = kernel instanceof tf.Tensor ? undefined : kernel;
  if (kernel instanceof tf.Tensor) assertShape(kernel, ['kh', 'kw'], where);
  else assertTaps(kernel, where);
  assertInteger(up, 'up', where);
  assertInteger(down, 'down', where);
  const sides = toSides(pad, 'pad', where);
  const [, height, width] = x.shape;
  const [kernelHeight, kernelWidth] =
    kernel instanceof tf.Tensor ? kernel.shape : [kernel.vertical.length, kernel.horizontal.length];
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
    const planes = tf.transpose(x, [0, 3, 1, 2]); // [B, C, H, W]
    const filtered =
      separable && Math.max(...padded) <= longestProduct
        ? filterBySides(planes, separable, { up, down, sides })
        : filterPlanes(planes, kernelTensor(kernel), { up, down, sides });
    return tf.transpose(filtered, [0, 2, 3, 1]);
  });
}

/** Checked options of {@link upfirdn2d}. */
interface Resampling {
  readonly up: number;
  readonly down: number;
  readonly sides: Sides;
}

/** Returns the matrix `[kh, kw]` of a filter. */
function kernelTensor(kernel: tf.Tensor2D | SeparableKernel): tf.Tensor2D {
  if (kernel instanceof tf.Tensor) return kernel;
  const { vertical, horizontal } = kernel;
  return tf.tensor2d(vertical.map((first) => horizontal.map((second) => first * second)));
}

/** Resamples planes `[B, C, H, W]` by a convolution. */
function filterPlanes(planes: tf.Tensor4D, kernel: tf.Tensor2D, { up, down, sides }: Resampling): tf.Tensor4D {
  const [batch, channels, height, width] = planes.shape;
  const single = tf.reshape<tf.Rank.R4>(planes, [batch * channels, height, width, 1]);
  const image = padImages(insertZeros(single, up), sides);
  const filter = tf.reshape<tf.Rank.R4>(tf.reverse(kernel, [0, 1]), [...kernel.shape, 1, 1]);
  const filtered = tf.conv2d(image, filter, down, 'valid'); // [B·C, H', W', 1]
  const [, newHeight, newWidth] = filtered.shape;
  return tf.reshape<tf.Rank.R4>(filtered, [batch, channels, newHeight, newWidth]);
}

/** Resamples planes `[B, C, H, W]` by a product with a matrix along each axis. */
function filterBySides(
  planes: tf.Tensor4D,
  { vertical, horizontal }: SeparableKernel,
  { up, down, sides: { left, right, top, bottom } }: Resampling,
): tf.Tensor4D {
  const [batch, channels, height, width] = planes.shape;
  const columns = bandMatrix(width, horizontal, { up, down, before: left, after: right }); // [W', W]
  const rows = bandMatrix(height, vertical, { up, down, before: top, after: bottom }); // [H', H]
  const newWidth = columns.shape[0];
  const lines = tf.reshape<tf.Rank.R2>(planes, [batch * channels * height, width]);
  const wide = tf.reshape<tf.Rank.R3>(tf.matMul(lines, columns, false, true), [batch * channels, height, newWidth]);
  const filtered = tf.matMul(tf.expandDims<tf.Tensor3D>(rows), wide); // [B·C, H', W']
  return tf.reshape<tf.Rank.R4>(filtered, [batch, channels, rows.shape[0], newWidth]);
}

/** Returns the matrix `[new size, size]` that upsamples, pads, filters and downsamples a line. */
function bandMatrix(
  size: number,
  taps: readonly number[],
  { up, down, before, after }: { up: number; down: number; before: number; after: number },
): tf.Tensor2D {
  const newSize = Math.floor((size * up + before + after - taps.length) / down) + 1;
  const matrix = tf.buffer<tf.Rank.R2>([newSize, size]);
  for (let row = 0; row < newSize; row++) {
    taps.forEach((tap, index) => {
      const place = row * down + taps.length - 1 - index - before;
      const pixel = place / up;
      if (Number.isInteger(pixel) && pixel >= 0 && pixel < size) matrix.set(tap, row, pixel);
    });
  }
  return matrix.toTensor();
}

/** @throws {ConfigError} unless there are taps along both axes, all of them finite numbers */
function assertTaps(kernel: SeparableKernel, where: string): void {
  for (const axis of ['vertical', 'horizontal'] as const) {
    const taps = (kernel as Partial<SeparableKernel> | null)?.[axis];
    if (Array.isArray(taps) && taps.length > 0 && taps.every(Number.isFinite)) continue;
    throw new ConfigError({
      where,
      expected: `kernel to be a tensor [kh, kw], or taps with ${axis} as one or more finite numbers`,
      got: `${axis} ${printable(JSON.stringify(taps) ?? 'undefined')}`,
    });
  }
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
