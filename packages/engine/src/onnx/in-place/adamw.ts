import type { InPlaceKernel } from './kernel.js';
import { wasmMemoryOf, type WasmMemory } from './wasm-memory.js';

/** Attributes of the composite. */
interface AdamWAttributes {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** What one AdamW step multiplies by and adds, the same for all elements. */
interface AdamWFactors {
  readonly scale: number;
  readonly beta1: number;
  readonly rest1: number;
  readonly beta2: number;
  readonly rest2: number;
  readonly keep: number;
  readonly stepSize: number;
  readonly rootCorrection: number;
  readonly epsilon: number;
}

/** Parameter, gradient, first and second moment. */
type AdamWArrays = readonly [Float32Array, Float32Array, Float32Array, Float32Array];

/**
 * Applies Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2) in place, in
 * one pass over memory. Numbers are computed in double precision and rounded when they are stored.
 */
function updateAdamW([parameter, gradient, firstMoment, secondMoment]: AdamWArrays, factors: AdamWFactors): void {
  const { scale, beta1, rest1, beta2, rest2, keep, stepSize, rootCorrection, epsilon } = factors;
  for (let index = 0; index < parameter.length; index++) {
    const g = gradient[index]! * scale;
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
  [parameter, gradient, firstMoment, secondMoment]: AdamWArrays,
  factors: AdamWFactors,
): void {
  const { scale, beta1, rest1, beta2, rest2, keep, stepSize, rootCorrection, epsilon } = factors;
  const numbers = [scale, beta1, rest1, beta2, rest2, keep, stepSize, rootCorrection, epsilon] as const;
  for (let start = 0; start < parameter.length; start += scratch.length) {
    const block = gradient.subarray(start, start + scratch.length);
    scratch.set(block);
    // Arrays end at 16 bytes, so that a last number without a partner may have one.
    const end = Math.ceil(block.length / 2) * 8;
    const at = ({ byteOffset }: Float32Array): number => byteOffset + 4 * start;
    run(at(parameter), 0, at(firstMoment), at(secondMoment), end, ...numbers);
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
    const [learningRate, scale, correction1, correction2] = scalars.map((scalar) => scalar[0]!);
    if (!Number.isFinite(scale)) return;
    const { beta1, beta2, epsilon, weightDecay } = attributes as unknown as AdamWAttributes;
    const factors: AdamWFactors = {
      scale: scale!,
      beta1,
      rest1: 1 - beta1,
      beta2,
      rest2: 1 - beta2,
      keep: 1 - learningRate! * weightDecay,
      stepSize: learningRate! / correction1!,
      rootCorrection: 1 / Math.sqrt(correction2!),
      epsilon,
    };
    const arrays: AdamWArrays = [parameter!, gradient!, firstMoment!, secondMoment!];
    const memory = wasmMemoryOf([parameter!, firstMoment!, secondMoment!]);
    if (memory) updateInWasm(memory, arrays, factors);
    else updateAdamW(arrays, factors);
  },
};
