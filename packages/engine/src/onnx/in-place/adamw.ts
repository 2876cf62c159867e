import type { InPlaceKernel } from './kernel.js';
import { wasmMemoryOf, type WasmMemory } from './wasm-memory.js';

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
 */
function updateAdamW(
  parameter: Float32Array,
  gradient: Float32Array,
  firstMoment: Float32Array,
  secondMoment: Float32Array,
  { beta1, beta2, epsilon, weightDecay, learningRate, gradientScale, correction1, correction2 }: AdamWNumbers,
): void {
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

/** Does what {@link updateAdamW} does, to the last bit, on arrays in a memory of WebAssembly. */
function updateInWasm(
  { scratch, adamW: run }: WasmMemory,
  parameter: Float32Array,
  gradient: Float32Array,
  firstMoment: Float32Array,
  secondMoment: Float32Array,
  numbers: AdamWNumbers,
): void {
  const { beta1, beta2, epsilon, weightDecay, learningRate, gradientScale, correction1, correction2 } = numbers;
  for (let start = 0; start < parameter.length; start += scratch.length) {
    const block = gradient.subarray(start, start + scratch.length);
    scratch.set(block);
    // Arrays end at 16 bytes, so that a last number without a partner may have one.
    const end = Math.ceil(block.length / 2) * 8;
    const at = ({ byteOffset }: Float32Array): number => byteOffset + 4 * start;
    run(
      ...([at(parameter), 0, at(firstMoment), at(secondMoment), end, gradientScale] as const),
      ...([beta1, 1 - beta1, beta2, 1 - beta2, 1 - learningRate * weightDecay, learningRate / correction1] as const),
      ...([1 / Math.sqrt(correction2), epsilon] as const),
    );
  }
}

/**
 * Runs the composite `adamw`: operands are parameter, gradient, first and second moment, learning
 * rate, gradient scale, and the corrections 1 - beta1^t and 1 - beta2^t. A gradient scale that is
 * not finite leaves everything unchanged, as the composite's body does.
 */
export const adamW: InPlaceKernel = {
  replaces: [0, 2, 3],
  prefersWasmMemory: true,
  run: (operands, { attributes }) => {
    const [parameter, gradient, firstMoment, secondMoment, ...scalars] = operands as Float32Array[];
    const [learningRate, gradientScale, correction1, correction2] = scalars.map((scalar) => scalar[0]!);
    if (!Number.isFinite(gradientScale)) return;
    const numbers = {
      ...(attributes as unknown as Pick<AdamWNumbers, 'beta1' | 'beta2' | 'epsilon' | 'weightDecay'>),
      learningRate: learningRate!,
      gradientScale: gradientScale!,
      correction1: correction1!,
      correction2: correction2!,
    };
    const memory = wasmMemoryOf([parameter!, firstMoment!, secondMoment!]);
    if (memory) updateInWasm(memory, parameter!, gradient!, firstMoment!, secondMoment!, numbers);
    else updateAdamW(parameter!, gradient!, firstMoment!, secondMoment!, numbers);
  },
};
