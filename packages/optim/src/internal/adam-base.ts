import * as tf from '@tensorflow/tfjs-core';
import { assertInRange, checkOptions, composite, Module, type OptionTable } from '@vitvq/core';
import type { ApplyOptions, Optimizer } from '../optimizer.js';
import type { ParameterGroup } from '../parameter-groups.js';
import { assertApplicable } from './check-gradients.js';
import { assertBeta, biasCorrection } from './decay-rates.js';
import { choose, isFiniteScalar } from './finite.js';
import { groupRates, membersOf, type Member } from './groups.js';

/** Options of `Adam`, and of `AdamW`. */
export interface AdamOptions {
  /** Decay of the average of gradients, in [0, 1). @default 0.9 */
  readonly beta1?: number;
  /** Decay of the average of squared gradients, in [0, 1). @default 0.99 */
  readonly beta2?: number;
  /** Number added to the root of the second moment. @default 1e-8 */
  readonly epsilon?: number;
}

const adamOptionNames: OptionTable<AdamOptions> = { beta1: 'optional', beta2: 'optional', epsilon: 'optional' };

/** Operands of the update of one variable. */
export interface AdamUpdate {
  readonly gradient: tf.Tensor;
  readonly gradientScale: tf.Scalar;
  /** Decoupled weight decay. */
  readonly weightDecay: number;
}

interface Slot {
  readonly member: Member;
  readonly firstMoment: tf.Variable;
  readonly secondMoment: tf.Variable;
}

/** Base of Adam and AdamW, which differ in where the weight decay enters. */
export abstract class AdamBase extends Module implements Optimizer {
  readonly #where: string;
  readonly #beta1: number;
  readonly #beta2: number;
  readonly #epsilon: number;
  readonly #step: tf.Variable<tf.Rank.R0>;
  readonly #slots: readonly Slot[];
  readonly #variables: ReadonlyMap<string, tf.Variable>;

  protected constructor(
    groups: readonly ParameterGroup[],
    options: AdamOptions,
    { where, weightDecay }: { readonly where: string; readonly weightDecay: number },
  ) {
    super();
    const { beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8 } = checkOptions(options, adamOptionNames, where);
    assertBeta(beta1, 'beta1', where);
    assertBeta(beta2, 'beta2', where);
    assertInRange(epsilon, 'epsilon', where, Number.MIN_VALUE);
    this.#where = where;
    this.#beta1 = beta1;
    this.#beta2 = beta2;
    this.#epsilon = epsilon;
    const members = membersOf(groups, weightDecay, where);
    this.#variables = new Map(members.map(({ name, variable }) => [name, variable]));
    this.#step = this.variable<tf.Rank.R0>('step', { shape: [], data: new Float32Array(1) }, { trainable: false });
    const zeros = (name: string, like: tf.Variable): tf.Variable =>
      this.variable(name, { shape: like.shape, data: new Float32Array(like.size) }, { trainable: false, like });
    this.#slots = members.map((member) => ({
      member,
      firstMoment: zeros(`firstMoment.${member.name}`, member.variable),
      secondMoment: zeros(`secondMoment.${member.name}`, member.variable),
    }));
  }

  /**
   * Returns the function that gives the operands of each variable's update, weight decay included.
   * Called once a step.
   */
  protected abstract decay(gradientScale: tf.Scalar): (member: Member, gradient: tf.Tensor) => AdamUpdate;

  /** Updates every variable once; see `Optimizer.apply`. @throws {ShapeError} */
  apply(gradients: ReadonlyMap<string, tf.Tensor>, learningRate: tf.Scalar, options: ApplyOptions = {}): void {
    assertApplicable(this.#variables, gradients, learningRate, options, `${this.#where}.apply`);
    const { gradientScale } = options;
    tf.tidy(() => {
      const step = tf.add<tf.Scalar>(this.#step, 1);
      const corrections = [biasCorrection(this.#beta1, step), biasCorrection(this.#beta2, step)];
      const scale = gradientScale ?? tf.scalar(1);
      this.#step.assign(choose(isFiniteScalar(scale), step, this.#step));
      const rate = groupRates(learningRate);
      const decay = this.decay(scale);
      for (const { member, firstMoment, secondMoment } of this.#slots) {
        const { variable, name, learningRateScale } = member;
        const { gradient, gradientScale, weightDecay } = decay(member, gradients.get(name)!);
        const [nextVariable, nextFirst, nextSecond] = this.#update(
          [variable, gradient, firstMoment, secondMoment, rate(learningRateScale), gradientScale, ...corrections],
          weightDecay,
        );
        variable.assign(nextVariable!);
        firstMoment.assign(nextFirst!);
        secondMoment.assign(nextSecond!);
      }
    });
  }

  #update(operands: readonly tf.Tensor[], weightDecay: number): tf.Tensor[] {
    const [beta1, beta2, epsilon] = [this.#beta1, this.#beta2, this.#epsilon];
    return composite('adamw', { beta1, beta2, epsilon, weightDecay }, operands, (...tensors) => {
      const [parameter, gradient, m, v, learningRate, gradientScale, correction1, correction2] =
        tensors as EightTensors;
      const g = tf.mul(gradient, gradientScale);
      const firstMoment = tf.add(tf.mul(m, beta1), tf.mul(g, 1 - beta1));
      const secondMoment = tf.add(tf.mul(v, beta2), tf.mul(tf.square(g), 1 - beta2));
      const denominator = tf.add(tf.sqrt(tf.div(secondMoment, correction2)), epsilon);
      const movement = tf.mul(learningRate, tf.div(tf.div(firstMoment, correction1), denominator));
      const decayed = weightDecay === 0 ? parameter : tf.mul(parameter, tf.sub(1, tf.mul(learningRate, weightDecay)));
      const finite = isFiniteScalar(gradientScale as tf.Scalar);
      return [
        choose(finite, tf.sub(decayed, movement), parameter),
        choose(finite, firstMoment, m),
        choose(finite, secondMoment, v),
      ];
    });
  }
}

type EightTensors = [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
