import * as tf from '@tensorflow/tfjs-core';
import type { ResizeRule } from '../network-features.js';
import { averagingTaps } from './cubic-taps.js';

/** A rule that resizes. */
type Resizing = ResizeRule & { readonly filter: Exclude<ResizeRule['filter'], 'none'> };

/**
 * Resizes images of bytes `[B, H, W, C]`, float32 in [0, 255], as a rule says. Along each axis it
 * is one product with a matrix.
 */
export function resizeImages(images: tf.Tensor4D, size: readonly [number, number], rule: Resizing): tf.Tensor4D {
  const [, height, width] = images.shape;
  return tf.tidy(() => {
    if (rule.filter === 'tensorflow-1') {
      return alongRows(alongColumns(images, tensorflowMatrix(width, size[1])), tensorflowMatrix(height, size[0]));
    }
    const [inner, crop] = rule.crop === 'center' ? centered([height, width], size, rule.shortSide!) : [size, undefined];
    const isRounded = rule.filter === 'bicubic-bytes';
    const finished = (x: tf.Tensor4D): tf.Tensor4D =>
      isRounded ? tf.clipByValue(tf.floor(tf.add(x, 0.5)), 0, 255) : x;
    // Pillow resizes the width first.
    let x = images;
    if (inner[1] !== width) x = finished(alongColumns(x, bicubicMatrix(width, inner[1], isRounded)));
    if (inner[0] !== height) x = finished(alongRows(x, bicubicMatrix(height, inner[0], isRounded)));
    x = tf.clipByValue(x, 0, 255);
    return crop ? tf.slice(x, [0, ...crop, 0], [-1, ...size, -1]) : x;
  });
}

/**
 * Returns the size at which the shorter side has a length, and where the middle begins. Rounding is
 * that of torchvision.
 */
function centered(
  [height, width]: readonly [number, number],
  size: readonly [number, number],
  shortSide: number,
): [readonly [number, number], readonly [number, number]] {
  const long = Math.floor((shortSide * Math.max(height, width)) / Math.min(height, width));
  const inner = height <= width ? ([shortSide, long] as const) : ([long, shortSide] as const);
  return [inner, [roundHalfEven((inner[0] - size[0]) / 2), roundHalfEven((inner[1] - size[1]) / 2)]];
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}

/** Multiplies the axis W by a matrix `[to, from]`. */
function alongColumns(x: tf.Tensor4D, matrix: tf.Tensor2D): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const rows = tf.reshape(tf.transpose(x, [0, 1, 3, 2]), [batch * height * channels, width]);
  const resized = tf.reshape(tf.matMul(rows, matrix, false, true), [batch, height, channels, matrix.shape[0]]);
  return tf.transpose<tf.Tensor4D>(resized as tf.Tensor4D, [0, 1, 3, 2]);
}

/** Multiplies the axis H by a matrix `[to, from]`. */
function alongRows(x: tf.Tensor4D, matrix: tf.Tensor2D): tf.Tensor4D {
  return tf.transpose(alongColumns(tf.transpose(x, [0, 2, 1, 3]), matrix), [0, 2, 1, 3]);
}

/** Returns the matrix of TensorFlow 1's bilinear filter, computed in float32 as it does. */
function tensorflowMatrix(from: number, to: number): tf.Tensor2D {
  const scale = Math.fround(from / to);
  return matrixOf(from, to, (target, add) => {
    const place = Math.fround(target * scale);
    const low = Math.floor(place);
    const part = Math.fround(place - low);
    add(low, 1 - part);
    add(Math.min(low + 1, from - 1), part);
  });
}

/** What the weights of Pillow are multiples of, for images of bytes. */
const pillowPrecision = 2 ** 22;

/** Returns the matrix of Pillow's bicubic filter, which averages where it shrinks. */
function bicubicMatrix(from: number, to: number, isRounded: boolean): tf.Tensor2D {
  return matrixOf(from, to, (target, add) => {
    for (const [source, weight] of averagingTaps(target, from, to)) {
      add(source, isRounded ? Math.round(weight * pillowPrecision) / pillowPrecision : weight);
    }
  });
}

function matrixOf(
  from: number,
  to: number,
  fill: (target: number, add: (source: number, weight: number) => void) => void,
): tf.Tensor2D {
  const values = new Float32Array(to * from);
  for (let target = 0; target < to; target++) {
    fill(target, (source, weight) => {
      values[target * from + source]! += weight;
    });
  }
  return tf.tensor2d(values, [to, from]);
}
