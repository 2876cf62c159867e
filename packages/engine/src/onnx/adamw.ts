/** Numbers of one AdamW step, all of them already computed. */
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
 * Decoupled weight decay Adam (Loshchilov and Hutter 2019, algorithm 2), in place, in one pass over memory. Computed in
 * double precision and rounded when stored. A gradient scale that is not finite leaves everything as it is, as the
 * composite's body does.
 */
export function updateAdamW(
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
