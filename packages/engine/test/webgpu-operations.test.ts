import '@tensorflow/tfjs';
import { afterAll, beforeAll, describe } from 'vitest';
import { useEngine } from '../src/engines.js';
import { sweepOperations } from './sweep-operations.js';
import { hasWebGpu } from './webgpu.js';

describe.skipIf(!hasWebGpu)('operations compiled for WebGPU', () => {
  beforeAll(async () => {
    await useEngine({ name: 'onnx-webgpu', onCompile: () => {} });
  });
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  const special = 'WebGPU promises neither NaN and infinities nor the sign of 0, and its functions lose them';
  const absolute = 'its functions have an absolute precision near 0';
  const coarse = 'WebGPU asks sine and cosine for an absolute precision of 2^-11 alone';
  const remainder = 'the remainder comes from a quotient in float32';
  const unchecked = 'the device reports no index out of range: what it names is NaN';
  const named = (reason: string, names: readonly string[]): Record<string, string> =>
    Object.fromEntries(names.map((name) => [name, reason]));
  const orders = (...names: string[]): string[] => names.flatMap((name) => [name, `gradient of ${name}`]);
  sweepOperations('onnx-webgpu', {
    differs: {
      ...named(coarse, ['sin', 'second-order gradient of sin', 'cos', 'second-order gradient of cos']),
      ...named(coarse, ['sin and cos of special numbers']),
      ...named(absolute, ['expm1 of special numbers', 'tanh of special numbers', 'elu of special numbers']),
      ...named(remainder, ['mod of special numbers', 'floorDiv of special numbers']),
      ...named(unchecked, [
        ...['-1', '5', '0,4,-1,2', '-2147483648', '2147483647'].map((indices) => `gather of [${indices}] out of 5`),
        'gather of a constant out of range',
      ]),
      ...named(special, [
        'signs of 0 that arithmetic keeps',
        'layer_norm of special rows',
        'gradient of rsqrt of special numbers',
        ...orders('exp of special numbers', 'sigmoid of special numbers'),
        'gradient of softplus of special numbers',
        'gradient of neg softplus neg of special numbers',
        'gradient of expm1 of special numbers',
        'log of special numbers',
        'log1p of special numbers',
        'gradient of div of special numbers',
        'pow of special numbers',
        'softmax of NaN at each place',
        'softmax of Infinity at each place',
        'softmax of -Infinity at each place',
        'logSumExp of Infinity at each place',
        'logSoftmax of Infinity at each place',
        ...['NaN', 'Infinity', '-Infinity'].map((x) => `largest, smallest, first, softmax of nothing but ${x}`),
      ]),
    },
  });
});
