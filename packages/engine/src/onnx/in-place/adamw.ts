import type { InPlaceKernel } from './kernel.js';

/** Numbers of one AdamW step. */
export interface AdamWNumbers {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly learningRate: number;
  readonly gradientScale: number;
  /** 1 - beta1^t and 1 - beta2^t. */
  readonly correction1: number;
  readonly correction2: number;
}

/**
 * Applies Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2) in place, in
 * one pass over memory. Numbers are computed in double precision and rounded when they are stored.
 * A gradient scale that is not finite leaves everything unchanged, as the composite's body does.
 */
function updateAdamW(
  parameter: Float32Array,
  gradient: Float32Array,
  firstMoment: Float32Array,
  secondMoment: Float32Array,
  { beta1, beta2, epsilon, weightDecay, learningRate, gradientScale, correction1, correction2 }: AdamWNumbers,
): void {
  if (!Number.isFinite(gradientScale)) return;
  const keep = 1 - learningRate * weightDecay;
  const stepSize = learningRate / correction1;
  const rootCorrection = 1 / Math.sqrt(correction2);
  const [rest1, rest2] = [1 - beta1, 1 - beta2];
  for (let index = 0; index < parameter.length; index++) {
    const g = gradient[index]! * gradientScale;
    const m = beta1 * firstMoment[index]! + rest1 * g;
    const v = beta2 * secondMoment[index]! + rest2 * g * g;
    firstMoment[index] = m;
    secondMoment[index] = v;
    parameter[index] = parameter[index]! * keep - (stepSize * m) / (Math.sqrt(v) * rootCorrection + epsilon);
  }
}

/**
 * Runs the composite `adamw`: operands are parameter, gradient, first and second moment, learning
 * rate, gradient scale, and the corrections 1 - beta1^t and 1 - beta2^t.
 */
export const adamW: InPlaceKernel = {
  replaces: [0, 2, 3],
  run: (operands, { attributes }) => {
    const [parameter, gradient, firstMoment, secondMoment, ...scalars] = operands as Float32Array[];
    const [learningRate, gradientScale, correction1, correction2] = scalars.map((scalar) => scalar[0]!);
    updateAdamW(parameter!, gradient!, firstMoment!, secondMoment!, {
      ...(attributes as unknown as Pick<AdamWNumbers, 'beta1' | 'beta2' | 'epsilon' | 'weightDecay'>),
      learningRate: learningRate!,
      gradientScale: gradientScale!,
      correction1: correction1!,
      correction2: correction2!,
    });
  },
};
