import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { normalizeRows } from './normalize-rows.js';

/**
 * Way in which codes pass their gradient to the features; see `VectorQuantizerOptions.gradient`.
 */
export type CodeGradient = 'straight-through' | 'rotation';

/** Length below which features count as this long where gradients are divided by the length. */
const minimumLength = 1e-6;

/**
 * Returns `value`, passing its gradient to `x` unchanged (straight-through estimator; VQ-VAE,
 * arXiv:1711.00937).
 */
export function straightThrough<T extends Tensor>(x: T, value: T): T {
  return tf.customGrad<T>(() => ({ value: tf.clone(value), gradFunc: (dy) => dy }))(x);
}

/**
 * Returns the values of `codes`, with a gradient as if they had been `scale · R · features`: R is
 * the rotation of a feature e onto its code q and `scale` the ratio of their lengths, both
 * constants (rotation trick, arXiv:2410.06424, section 4). With unit vectors ê, q̂ and r = (ê + q̂)
 * / |ê + q̂| it is R = I - 2 r rᵀ + 2 q̂ êᵀ, so that no matrix is needed.
 */
function rotate(features: Tensor2D, codes: Tensor2D): Tensor2D {
  return tf.customGrad<Tensor2D>((...inputsAndSave) => {
    const [from, save] = inputsAndSave as [Tensor2D, tf.GradSaveFunc];
    const [fromUnit, toUnit] = [normalizeRows(from), normalizeRows(codes)];
    const middle = normalizeRows(tf.add(fromUnit, toUnit)); // [rows, E]
    // [rows, 1]
    const scale = tf.div(tf.norm(codes, 2, -1, true), tf.maximum(tf.norm(from, 2, -1, true), minimumLength));
    save([fromUnit, toUnit, middle, scale]);
    return {
      value: tf.clone(codes),
      gradFunc: (dy, saved) => {
        const [unit, code, between, ratio] = saved as [Tensor2D, Tensor2D, Tensor2D, Tensor2D];
        const along = (direction: Tensor2D): Tensor => tf.mul(tf.sum(tf.mul(direction, dy), -1, true), 2);
        const turned = tf.add(tf.sub(dy, tf.mul(between, along(between))), tf.mul(unit, along(code)));
        return tf.mul(ratio, turned);
      },
    };
  })(features);
}

/** Returns the values of `codes` `[rows, E]`, passing their gradient to `features` `[rows, E]`. */
export function passGradient(features: Tensor2D, codes: Tensor2D, gradient: CodeGradient): Tensor2D {
  return gradient === 'rotation' ? rotate(features, codes) : straightThrough(features, codes);
}
