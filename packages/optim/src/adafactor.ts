import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, Module, assertInRange, checkOptions, type OptionTable } from '@vitvq/core';
import { assertApplicable } from './internal/check-gradients.js';
import { assertBeta, biasCorrection } from './internal/decay-rates.js';
import { choose, isFiniteScalar } from './internal/finite.js';
import { groupRates, membersOf, type Member } from './internal/groups.js';
import type { ApplyOptions, Optimizer } from './optimizer.js';
import type { ParameterGroup } from './parameter-groups.js';

/** Options of {@link Adafactor}. */
export interface AdafactorOptions {
  /**
   * Decay of the average of updates, in [0, 1); undefined: no average, and no memory for one.
   * @default undefined
   */
  readonly beta1?: number;
  /**
   * Decay of the second moments, in [0, 1), corrected for their start at zero; undefined: a decay
   * that grows with the steps, `1 - t^-0.8` (paper sec. 7.2). @default undefined
   */
  readonly beta2?: number;
  /**
   * Largest root mean square of a variable's update before the learning rate; infinity: no limit.
   * @default 1
   */
  readonly clippingThreshold?: number;
  /**
   * Whether the learning rate is multiplied by the root mean square of the variable (paper sec. 8).
   * @default false
   */
  readonly relativeStep?: boolean;
  /** Number added to squared gradients. @default 1e-30 */
  readonly epsilon1?: number;
  /** Smallest factor of `relativeStep`, for variables that start at zero. @default 1e-3 */
  readonly epsilon2?: number;
}

const adafactorOptionNames: OptionTable<AdafactorOptions> = {
  beta1: 'optional',
  beta2: 'optional',
  clippingThreshold: 'optional',
  relativeStep: 'optional',
  epsilon1: 'optional',
  epsilon2: 'optional',
};

interface Slot {
  readonly member: Member;
  /** Averages of the rows and columns of a matrix, or of each element. */
  readonly moments: readonly tf.Variable[];
  readonly firstMoment: tf.Variable | undefined;
}

/**
 * Adafactor (Shazeer & Stern 2018, arXiv:1804.04235, algorithms 4 and 5): the second moments of a
 * matrix `[R, C]` are kept as averages over its rows and over its columns, R + C numbers instead of
 * R C. For step t, gradient g, learning rate a (of the group) and weight decay w:
 *
 *     r <- b r + (1 - b) mean_C(g^2 + epsilon1)      c <- b c + (1 - b) mean_R(g^2 + epsilon1)
 *     u = g / sqrt(r c / mean(r))                    u <- a u / max(1, RMS(u) / clippingThreshold)
 *     p <- p (1 - a w) - u
 *     with beta1: m <- beta1 m + (1 - beta1) u       p <- p (1 - a w) - m
 *
 * where `b = 1 - t^-0.8`, or follows from beta2. For more than two axes the last two are factored,
 * each matrix by itself; vectors and scalars keep a full second moment. The average of updates
 * contains the learning rate, as in the authors' Tensor2Tensor. Stage 2 of ViT-VQGAN
 * (arXiv:2110.04627) has beta1 0.9 and beta2 0.96.
 *
 * Deviations: the step size comes from the schedule, which the relative step of the paper
 * multiplies only on request; weight decay (0 unless a group says otherwise) is decoupled, which
 * the paper does not have; the first moment is float32, where ViT-VQGAN keeps 8 bits.
 *
 * State, for checkpoints: `step` (scalar, number of updates), `rowMoment.<name>` and
 * `columnMoment.<name>` or `secondMoment.<name>`, and with beta1 `firstMoment.<name>`. The
 * optimizer owns its state and not the variables.
 */
export class Adafactor extends Module implements Optimizer {
  readonly #options: AdafactorOptions & {
    readonly clippingThreshold: number;
    readonly relativeStep: boolean;
    readonly epsilon1: number;
    readonly epsilon2: number;
  };
  readonly #step: tf.Variable<tf.Rank.R0>;
  readonly #slots: readonly Slot[];
  readonly #variables: ReadonlyMap<string, tf.Variable>;

  /**
   * @param groups  every variable in one group only, float32 and trainable
   * @throws {ConfigError}
   */
  constructor(groups: readonly ParameterGroup[], options: AdafactorOptions = {}) {
    super();
    const {
      beta1,
      beta2,
      clippingThreshold = 1,
      relativeStep = false,
      epsilon1 = 1e-30,
      epsilon2 = 1e-3,
    } = checkOptions(options, adafactorOptionNames, 'Adafactor');
    const where = 'Adafactor';
    if (beta1 !== undefined) assertBeta(beta1, 'beta1', where);
    if (beta2 !== undefined) assertBeta(beta2, 'beta2', where);
    if (!(clippingThreshold > 0)) {
      const got = String(clippingThreshold);
      throw new ConfigError({ where, expected: 'clippingThreshold to be positive', got });
    }
    // Below it, float32 would round to 0, and a gradient of zero would be divided by zero.
    assertInRange(epsilon1, 'epsilon1', where, SMALLEST_NORMAL_FLOAT32);
    assertInRange(epsilon2, 'epsilon2', where, 0);
    this.#options = { beta1, beta2, clippingThreshold, relativeStep, epsilon1, epsilon2 };
    const members = membersOf(groups, 0, where);
    this.#variables = new Map(members.map(({ name, variable }) => [name, variable]));
    this.#step = this.variable<tf.Rank.R0>('step', { shape: [], data: new Float32Array(1) }, { trainable: false });
    const zeros = (name: string, shape: readonly number[], like?: tf.Variable): tf.Variable => {
      const data = new Float32Array(tf.util.sizeFromShape([...shape]));
      return this.variable(name, { shape, data }, { trainable: false, ...(like && { like }) });
    };
    this.#slots = members.map((member) => {
      const { name, variable } = member;
      const { shape, rank } = variable;
      const moments =
        rank < 2
          ? [zeros(`secondMoment.${name}`, shape, variable)]
          : [
              zeros(`rowMoment.${name}`, shape.slice(0, -1)),
              zeros(`columnMoment.${name}`, [...shape.slice(0, -2), shape[rank - 1]!]),
            ];
      return {
        member,
        moments,
        firstMoment: beta1 === undefined ? undefined : zeros(`firstMoment.${name}`, shape, variable),
      };
    });
  }

  /** Updates every variable once; see `Optimizer.apply`. @throws {ShapeError} */
  apply(gradients: ReadonlyMap<string, tf.Tensor>, learningRate: tf.Scalar, options: ApplyOptions = {}): void {
    assertApplicable(this.#variables, gradients, learningRate, options, 'Adafactor.apply');
    const { gradientScale } = options;
    tf.tidy(() => {
      const step = tf.add<tf.Scalar>(this.#step, 1);
      const scale = gradientScale ?? tf.scalar(1);
      const finite = isFiniteScalar(scale);
      const rate = groupRates(learningRate);
      // 1 - b. With beta2 an average of numbers that are all x is x from the first step on.
      const { beta1, beta2 } = this.#options;
      const rest = beta2 === undefined ? tf.pow(step, -0.8) : tf.div(1 - beta2, biasCorrection(beta2, step));
      for (const { member, moments, firstMoment } of this.#slots) {
        const { variable, name, learningRateScale, weightDecay } = member;
        const gradient = tf.mul(gradients.get(name)!, scale);
        const squares = tf.add(tf.square(gradient), this.#options.epsilon1);
        const seen = moments.length === 1 ? [squares] : [tf.mean(squares, -1), tf.mean(squares, -2)];
        const nextMoments = moments.map((moment, index) =>
          tf.add(tf.mul(moment, tf.sub(1, rest)), tf.mul(seen[index]!, rest)),
        );
        const groupRate = rate(learningRateScale);
        const size = this.#stepSize(variable, groupRate);
        const update = tf.mul(this.#clip(tf.mul(gradient, inverseRoot(nextMoments))), size);
        const movement = firstMoment ? tf.add(tf.mul(firstMoment, beta1!), tf.mul(update, 1 - beta1!)) : update;
        const decayed = weightDecay === 0 ? variable : tf.mul(variable, tf.sub(1, tf.mul(groupRate, weightDecay)));
        variable.assign(choose(finite, tf.sub(decayed, movement), variable));
        firstMoment?.assign(choose(finite, movement, firstMoment));
        moments.forEach((moment, index) => moment.assign(choose(finite, nextMoments[index]!, moment)));
      }
      this.#step.assign(choose(finite, step, this.#step));
    });
  }

  #stepSize(variable: tf.Variable, learningRate: tf.Scalar): tf.Scalar {
    const { relativeStep, epsilon2 } = this.#options;
    return relativeStep ? tf.mul(learningRate, tf.maximum(rootMeanSquare(variable), epsilon2)) : learningRate;
  }

  #clip(update: tf.Tensor): tf.Tensor {
    const { clippingThreshold } = this.#options;
    if (clippingThreshold === Infinity) return update;
    return tf.div(update, tf.maximum(1, tf.div(rootMeanSquare(update), clippingThreshold)));
  }
}

const SMALLEST_NORMAL_FLOAT32 = 2 ** -126;

function rootMeanSquare(x: tf.Tensor): tf.Scalar {
  return tf.sqrt<tf.Scalar>(tf.mean(tf.square(x)));
}

/**
 * Returns `1 / sqrt(v)`, where v is given as it is or factored. The root of each factor is taken by
 * itself, because the product of two tiny moments is 0 in float32.
 */
function inverseRoot([moment, columns]: readonly tf.Tensor[]): tf.Tensor {
  if (!columns) return tf.rsqrt(moment!);
  const rows = tf.rsqrt(tf.div(moment!, tf.mean(moment!, -1, true)));
  return tf.mul(tf.expandDims(rows, -1), tf.expandDims(tf.rsqrt(columns), -2));
}
