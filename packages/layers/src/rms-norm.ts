import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import {
  allocate,
  assertInRange,
  assertInteger,
  checkOptions,
  formatShape,
  Module,
  ShapeError,
  type OptionTable,
} from '@vitvq/core';

/** Options of {@link RMSNorm}. */
export interface RMSNormOptions {
  /** Size of the last axis. */
  readonly dim: number;
  /** Added to the mean square. @default 1e-5, as in LlamaGen */
  readonly epsilon?: number;
}

const rmsNormOptionNames: OptionTable<RMSNormOptions> = {
  dim: 'required',
  epsilon: 'optional',
};

/**
 * Root mean square normalisation over the last axis: x / sqrt(mean(x²) + epsilon) · scale (Zhang
 * and Sennrich 2019, equation 4). Layer normalisation without its mean and bias. Variable: `scale`
 * `[D]`.
 */
export class RMSNorm extends Module {
  readonly dim: number;
  readonly epsilon: number;
  readonly scale: Variable<tf.Rank.R1>;

  constructor(options: RMSNormOptions) {
    super();
    const { dim, epsilon = 1e-5 } = checkOptions(options, rmsNormOptionNames, 'RMSNorm', { allowOthers: true });
    assertInteger(dim, 'dim', 'RMSNorm');
    assertInRange(epsilon, 'epsilon', 'RMSNorm', 0);
    this.dim = dim;
    this.epsilon = epsilon;
    this.scale = this.variable<tf.Rank.R1>('scale', {
      shape: [dim],
      data: allocate([dim], 'RMSNorm', (size) => new Float32Array(size).fill(1)),
    });
  }

  /** Normalises `[..., D]`. @throws {ShapeError} when the last axis is not `dim` */
  apply<T extends Tensor>(x: T): T {
    if (x.rank === 0 || x.shape.at(-1) !== this.dim) {
      throw new ShapeError({
        where: 'RMSNorm.apply',
        expected: `last axis ${this.dim} (dim)`,
        got: formatShape(x.shape),
      });
    }
    return tf.tidy(() => {
      const meanSquare = tf.mean(tf.square(x), -1, true); // [..., 1]
      return tf.mul<T>(tf.mul(x, tf.rsqrt(tf.add(meanSquare, this.epsilon))), this.scale);
    });
  }
}
