import * as tf from '@tensorflow/tfjs-core';
import { Module } from '@vitvq/core';

/** Scale of the first step. */
const initialScale = 2 ** 16;
/** Larger scales would make float32 overflow. */
const largestScale = 2 ** 24;
/** Steps without an overflow after which the scale is doubled. */
const stepsUntilGrowth = 2000;

/**
 * Dynamic loss scaling (Micikevicius et al. 2018, arXiv:1710.03740, sec. 3.2): gradients in float16
 * are those of a loss that is multiplied by a scale, since small ones would become 0, and are
 * divided by it again in float32. Where a gradient overflows, the step is left out and the scale
 * halved; after 2,000 good steps it is doubled. Scales are powers of 2, which round nothing.
 *
 * Scale and count are variables, not trainable, which a checkpoint holds.
 */
export class LossScaler extends Module {
  readonly #scale: tf.Variable;
  readonly #goodSteps: tf.Variable;

  constructor() {
    super();
    const number = (name: string, value: number): tf.Variable =>
      this.variable(name, { shape: [], data: Float32Array.of(value) }, { trainable: false });
    this.#scale = number('scale', initialScale);
    this.#goodSteps = number('goodSteps', 0);
  }

  /** Factor of the loss in the next step. */
  get scale(): tf.Scalar {
    return this.#scale as tf.Tensor as tf.Scalar;
  }

  /**
   * Moves the scale after a step. Plain tensor code, which compiles.
   * @param sum  a scalar that is not finite where a gradient overflowed
   */
  update(sum: tf.Scalar): void {
    tf.tidy(() => {
      const isGood = tf.less(tf.abs(sum), Infinity);
      const goodSteps = tf.where(isGood, tf.add(this.#goodSteps, 1), tf.scalar(0));
      const grows = tf.greaterEqual(goodSteps, stepsUntilGrowth);
      const grown = tf.where(grows, tf.minimum(tf.mul(this.#scale, 2), largestScale), this.#scale);
      const shrunk = tf.maximum(tf.div(this.#scale, 2), 1);
      const scale = tf.where(isGood, grown, shrunk);
      this.#goodSteps.assign(tf.where(grows, tf.scalar(0), goodSteps));
      this.#scale.assign(scale);
    });
  }
}

let current: tf.Scalar | undefined;

/** Runs `body`, in which {@link scaledGradients} multiplies losses by a scale. */
export function withLossScale<T>(scale: tf.Scalar | undefined, body: () => T): T {
  const outer = current;
  current = scale;
  try {
    return body();
  } finally {
    current = outer;
  }
}

/**
 * Differentiates a loss at the loss scale of the step that is being computed, and divides the
 * gradients by it: they are those of the loss itself, and none becomes 0 on the way in float16.
 * Every gradient that a gradient function takes by itself belongs in here. Without a scale, nothing
 * is multiplied.
 * @param differentiate  gets the factor of the loss, and returns gradients of the product
 */
export function scaledGradients<T extends tf.Tensor>(
  differentiate: (scaled: (loss: tf.Scalar) => tf.Scalar) => ReadonlyMap<string, T>,
): Map<string, T> {
  const scale = current;
  if (!scale) return new Map(differentiate((loss) => loss));
  const gradients = differentiate((loss) => tf.mul<tf.Scalar>(loss, scale));
  const unscaled = new Map([...gradients].map(([name, gradient]) => [name, tf.div<T>(gradient, scale)]));
  for (const gradient of gradients.values()) gradient.dispose();
  return unscaled;
}
