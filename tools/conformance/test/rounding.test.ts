import type { HostTensor } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { exceptWhatRoundingDecides } from '../src/adapters/rounding.js';
import type { Execute } from '../src/execute.js';
import type { LoadedCase } from '../src/fixture.js';

const vector = (...values: number[]): HostTensor => ({ shape: [values.length], data: Float32Array.from(values) });

/** Expects `step` 1, the sign that `x` has to the right of 1, and `plain` 2. */
const fixture: LoadedCase = {
  name: 'case',
  module: 'Step',
  folder: '.',
  config: {},
  outputs: { step: { shape: [1], atol: 0.1 }, plain: { shape: [1], atol: 0.1 } },
  tensors: new Map([
    ['in/x', vector(1)],
    ['out/step', vector(1)],
    ['out/plain', vector(2)],
  ]),
};

function adapter(plain: number) {
  return exceptWhatRoundingDecides(async ({ tensors }) => {
    const [x] = tensors.get('in/x')!.data;
    return new Map([
      ['out/step', vector(x! > 1 ? 1 : 0)],
      ['out/plain', vector(plain)],
    ]);
  });
}

const never: Execute = Object.assign(() => Promise.reject(new Error('not used')), {
  prepare: () => {
    throw new Error('not used');
  },
});

describe('exceptWhatRoundingDecides', () => {
  it('names what the last bit of the inputs decides, and compares the rest', async () => {
    const { comparisons, notCompared } = await adapter(2)(fixture, never);
    expect(comparisons.map(({ name, ratio }) => [name, ratio])).toEqual([['out/plain', 0]]);
    expect(notCompared).toBe('out/step, which the last bit of the inputs moves across the tolerance');
  });

  it('leaves a miss that rounding does not explain', async () => {
    const { comparisons } = await adapter(2.2)(fixture, never);
    expect(comparisons.find(({ name }) => name === 'out/plain')!.ratio).toBeGreaterThan(1);
  });
});
