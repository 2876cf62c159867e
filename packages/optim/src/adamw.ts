import * as tf from '@tensorflow/tfjs-core';
import { assertInRange, assertShape, composite, ConfigError, Module } from '@vitvq/core';
import { assertGradients } from './internal/check-gradients.js';
import { choose, isFiniteScalar } from './internal/finite.js';
import type { ApplyOptions, Optimizer } from './optimizer.js';
import type { ParameterGroup } from './parameter-groups.js';

export interface AdamWOptions {
  /** Decay of the average of gradients, in [0, 1). @default 0.9 */
  readonly beta1?: number;
  /** Decay of the average of squared gradients, in [0, 1). @default 0.99 */
  readonly beta2?: number;
  /** Added to the root of the second moment. @default 1e-8 */
  readonly epsilon?: number;
}

interface Slot {
  readonly name: string;
  readonly variable: tf.Variable;
  readonly firstMoment: tf.Variable;
  readonly secondMoment: tf.Variable;
  readonly group: number;
}

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2), as `torch.optim.AdamW`. For
 * step t, gradient g, learning rate a (of the group) and weight decay w:
 *
 *     m <- beta1 m + (1 - beta1) g           v <- beta2 v + (1 - beta2) g^2
 *     p <- p (1 - a w) - a (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
 *
 * The default betas are those of ViT-VQGAN (arXiv:2110.04627, sec. 5.1). With weight decay 0 it is plain Adam.
 *
 * State, for checkpoints: `step` (scalar, updates done), `firstMoment.<name>`, `secondMoment.<name>`. The optimizer owns
 * its state and not the variables that it moves.
 */
export class AdamW extends Module implements Optimizer {
  readonly #beta1: number;
  readonly #beta2: number;
  readonly #epsilon: number;
  readonly #groups: readonly Required<Omit<ParameterGroup, 'variables'>>[];
  readonly #step: tf.Variable<tf.Rank.R0>;
  readonly #slots: readonly Slot[];

  /**
   * @param groups  no variable in two of them; all float32 and trainable
   * @throws {ConfigError}
   */
  constructor(groups: readonly ParameterGroup[], { beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8 }: AdamWOptions = {}) {
    super();
    assertBeta(beta1, 'beta1');
    assertBeta(beta2, 'beta2');
    assertInRange(epsilon, 'epsilon', 'AdamW', Number.MIN_VALUE);
    this.#beta1 = beta1;
    this.#beta2 = beta2;
    this.#epsilon = epsilon;
    this.#groups = groups.map(({ weightDecay = 1e-4, learningRateScale = 1 }) => {
      assertInRange(weightDecay, 'weightDecay', 'AdamW', 0);
      assertInRange(learningRateScale, 'learningRateScale', 'AdamW', 0);
      return { weightDecay, learningRateScale };
    });
    assertGroups(groups);

    this.#step = this.variable<tf.Rank.R0>('step', { shape: [], data: new Float32Array(1) }, { trainable: false });
    const zeros = (name: string, { shape, size }: tf.Variable): tf.Variable =>
      this.variable(name, { shape, data: new Float32Array(size) }, { trainable: false });
    this.#slots = groups.flatMap(({ variables }, group) =>
      [...variables].map(([name, variable]) => ({
        name,
        variable,
        firstMoment: zeros(`firstMoment.${name}`, variable),
        secondMoment: zeros(`secondMoment.${name}`, variable),
        group,
      })),
    );
  }

  apply(
    gradients: ReadonlyMap<string, tf.Tensor>,
    learningRate: tf.Scalar,
    { gradientScale }: ApplyOptions = {},
  ): void {
    const fix = 'Leave variables that the loss does not reach out of the groups.';
    assertGradients(new Map(this.#slots.map(({ name, variable }) => [name, variable])), gradients, 'AdamW.apply', fix);
    assertShape(learningRate, [], 'AdamW.apply', 'Give the learning rate as a scalar tensor.');
    if (gradientScale) assertShape(gradientScale, [], 'AdamW.apply', 'Give gradientScale as a scalar tensor.');
    tf.tidy(() => {
      const step = tf.add<tf.Scalar>(this.#step, 1);
      const corrections = [biasCorrection(this.#beta1, step), biasCorrection(this.#beta2, step)];
      const scale = gradientScale ?? tf.scalar(1);
      this.#step.assign(choose(isFiniteScalar(scale), step, this.#step));
      const rates = this.#groups.map(({ learningRateScale }) =>
        learningRateScale === 1 ? learningRate : tf.mul<tf.Scalar>(learningRate, learningRateScale),
      );
      for (const slot of this.#slots) {
        const operands = [
          slot.variable,
          gradients.get(slot.name)!,
          slot.firstMoment,
          slot.secondMoment,
          rates[slot.group]!,
          scale,
          ...corrections,
        ];
        const [parameter, firstMoment, secondMoment] = this.#update(operands, this.#groups[slot.group]!.weightDecay);
        slot.variable.assign(parameter!);
        slot.firstMoment.assign(firstMoment!);
        slot.secondMoment.assign(secondMoment!);
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

/**
 * `1 - beta^t`, without the cancellation that costs float32 half its digits when beta is near 1 and t small: with
 * `u = tanh(-t log(beta) / 2)` it is `2 u / (1 + u)`.
 */
function biasCorrection(beta: number, step: tf.Scalar): tf.Scalar {
  if (beta === 0) return tf.scalar(1);
  const u = tf.tanh(tf.mul(step, -Math.log(beta) / 2));
  return tf.div(tf.mul(u, 2), tf.add(u, 1));
}

function assertBeta(beta: number, name: string): void {
  if (!(beta >= 0 && beta < 1)) {
    throw new ConfigError({ where: 'AdamW', expected: `${name} to be a number within [0, 1)`, got: String(beta) });
  }
}

function assertGroups(groups: readonly ParameterGroup[]): void {
  const owners = new Map<tf.Variable, string>();
  const names = new Set<string>();
  for (const [name, variable] of groups.flatMap(({ variables }) => [...variables])) {
    const other = names.has(name) ? name : owners.get(variable);
    if (other !== undefined) {
      const got = other === name ? `${name} twice` : `one variable as ${other} and as ${name}`;
      throw new ConfigError({ where: 'AdamW', expected: 'every variable in one group, once', got });
    }
    if (!variable.trainable || variable.dtype !== 'float32') {
      throw new ConfigError({
        where: 'AdamW',
        expected: 'trainable float32 variables',
        got: `${name}, ${variable.trainable ? variable.dtype : 'not trainable'}`,
        fix: 'Make the groups from namedTrainableVariables().',
      });
    }
    names.add(name);
    owners.set(variable, name);
  }
  if (names.size === 0) {
    throw new ConfigError({ where: 'AdamW', expected: 'groups with variables', got: 'none' });
  }
}
