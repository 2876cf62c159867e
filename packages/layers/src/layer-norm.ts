import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D, Variable } from '@tensorflow/tfjs-core';
import {
  allocate,
  Module,
  ShapeError,
  assertInRange,
  assertInteger,
  checkOptions,
  composite,
  formatShape,
  sameWeight,
  type OptionTable,
  type ReferenceWeight,
} from '@vitvq/core';
import { differentiable } from './internal/differentiable.js';

/** Options of {@link LayerNorm}. */
export interface LayerNormOptions {
  /** Size of the last axis. */
  readonly dim: number;
  /** Added to the variance. @default 1e-5, PyTorch's */
  readonly epsilon?: number;
}

const layerNormOptionNames: OptionTable<LayerNormOptions> = {
  dim: 'required',
  epsilon: 'optional',
};

/** Maps `[rows, D]` to `[y, mean, rstd]`; the last two are `[rows, 1]`. */
function forward(epsilon: number) {
  return (x: Tensor, scale: Tensor, bias: Tensor): Tensor[] => {
    const mean = tf.mean(x, -1, true);
    const centered = tf.sub(x, mean);
    const rstd = tf.rsqrt(tf.add(tf.mean(tf.square(centered), -1, true), epsilon));
    return [tf.add(tf.mul(tf.mul(centered, rstd), scale), bias), mean, rstd];
  };
}

/**
 * Returns the gradients of x, scale and bias. With n = (x - mean) rstd and g = dy scale,
 * dx = rstd (g - mean(g) - n mean(g n)). The two means of a row are products with the vector
 * scale / D, which spares sums over `[rows, D]`; `dy n` serves the gradient of the scale as well.
 */
function backward(dy: Tensor, x: Tensor, scale: Tensor, mean: Tensor, rstd: Tensor): Tensor[] {
  const dim = scale.size;
  const normalized = tf.mul(tf.sub(x, mean), rstd);
  const products = tf.mul(dy, normalized);
  const weights = tf.reshape<tf.Rank.R2>(tf.mul(scale, 1 / dim), [dim, 1]);
  const meanOfGradient = tf.matMul(dy, weights); // [rows, 1]
  const meanOfProducts = tf.matMul(products, weights);
  const centered = tf.sub(tf.sub(tf.mul(dy, scale), meanOfGradient), tf.mul(normalized, meanOfProducts));
  return [tf.mul(rstd, centered), tf.sum(products, 0), tf.sum(dy, 0)];
}

/**
 * Layer normalisation over the last axis (Ba et al. 2016). Variables: `scale` and `bias`, `[D]`.
 * Forward and backward are the composites `layer_norm` and `layer_norm_grad`, which an engine may
 * run as one kernel each. First-order gradients only.
 */
export class LayerNorm extends Module {
  readonly dim: number;
  readonly epsilon: number;
  readonly scale: Variable<tf.Rank.R1>;
  readonly bias: Variable<tf.Rank.R1>;

  constructor(options: LayerNormOptions) {
    super();
    const { dim, epsilon = 1e-5 } = checkOptions(options, layerNormOptionNames, 'LayerNorm', { allowOthers: true });
    assertInteger(dim, 'dim', 'LayerNorm');
    assertInRange(epsilon, 'epsilon', 'LayerNorm', 0);
    this.dim = dim;
    this.epsilon = epsilon;
    this.scale = this.variable<tf.Rank.R1>('scale', {
      shape: [dim],
      data: allocate([dim], 'LayerNorm', (size) => new Float32Array(size).fill(1)),
    });
    this.bias = this.variable<tf.Rank.R1>('bias', {
      shape: [dim],
      data: allocate([dim], 'LayerNorm', (size) => new Float32Array(size)),
    });
  }

  /** Normalises `[..., D]`. @throws {ShapeError} when the last axis is not `dim` */
  apply<T extends Tensor>(x: T): T {
    if (x.rank === 0 || x.shape.at(-1) !== this.dim) {
      throw new ShapeError({
        where: 'LayerNorm.apply',
        expected: `last axis ${this.dim} (dim)`,
        got: formatShape(x.shape),
      });
    }
    return tf.tidy(() => {
      const rows = x.rank === 2 ? (x as Tensor as Tensor2D) : tf.reshape<tf.Rank.R2>(x, [-1, this.dim]);
      const y = differentiable(
        [rows, this.scale, this.bias],
        (input, scale, bias) => {
          const attributes = { epsilon: this.epsilon };
          const [value, mean, rstd] = composite('layer_norm', attributes, [input, scale, bias], forward(this.epsilon));
          return { value: value as Tensor2D, saved: [input, scale, mean!, rstd!] };
        },
        (dy, saved) => composite('layer_norm_grad', {}, [dy, ...saved], backward),
      );
      return (x.rank === 2 ? y : tf.reshape(y, x.shape)) as T;
    });
  }
}

/** Returns the weights of an `nn.LayerNorm`. */
export function layerNormReferenceWeights(): ReferenceWeight[] {
  return [sameWeight('scale', 'weight'), sameWeight('bias', 'bias')];
}
