import { describe, expect, it } from 'vitest';
import {
  constantInitializer,
  foldIn,
  normalInitializer,
  randomKey,
  torchLinearInitializer,
  uniformInitializer,
  skipInitialization,
  split,
  xavierUniformInitializer,
  type HostTensor,
  type RandomKey,
} from '../src/index.js';

const key = randomKey(1);
const largest = ({ data }: HostTensor): number => Math.max(...data.map(Math.abs));

describe('initializers', () => {
  it('draw nothing for a model whose weights are about to be loaded', () => {
    const build = (from: RandomKey): HostTensor[] => [
      normalInitializer()(split(from)[1]!, [2]),
      xavierUniformInitializer(foldIn(from, 3), [1, 2]),
    ];
    const failing = (): void =>
      skipInitialization(() => {
        throw new Error('no model');
      });
    expect(failing).toThrow('no model');
    for (const { data } of build(key)) expect(data.every((value) => value !== 0)).toBe(true);
    for (const { shape, data } of skipInitialization(build)) {
      expect(data).toEqual(new Float32Array(2));
      expect(shape.at(-1)).toBe(2);
    }
    expect(skipInitialization((from) => constantInitializer(3)(from, [1]).data[0])).toBe(3);
  });

  it('keep the shape and are functions of the key', () => {
    for (const initializer of [
      constantInitializer(2),
      uniformInitializer(0.1),
      normalInitializer(),
      xavierUniformInitializer,
      torchLinearInitializer(6),
    ]) {
      const first = initializer(key, [6, 4]);
      expect(first.shape).toEqual([6, 4]);
      expect(first.data).toHaveLength(24);
      expect(initializer(key, [6, 4])).toEqual(first);
    }
    expect([...constantInitializer(2)(key, [2]).data]).toEqual([2, 2]);
  });

  it('stay within, and come near to, their bounds', () => {
    const within = (tensor: HostTensor, bound: number): void => {
      expect(largest(tensor)).toBeLessThanOrEqual(Math.fround(bound));
      expect(largest(tensor)).toBeGreaterThan(0.98 * bound);
    };
    within(uniformInitializer(0.3)(key, [400]), 0.3);
    within(xavierUniformInitializer(key, [32, 48]), Math.sqrt(6 / (32 + 48)));
    within(xavierUniformInitializer(key, [4, 4, 3, 32]), Math.sqrt(6 / (48 + 32)));
    within(torchLinearInitializer(64)(key, [64, 8]), 1 / 8);
  });

  it('refuse what has no fan', () => {
    expect(() => xavierUniformInitializer(key, [5])).toThrow(
      'xavierUniformInitializer: expected a weight of two or more axes, got shape [5].',
    );
    expect(() => torchLinearInitializer(0)).toThrow('torchLinearInitializer: expected fanIn to be positive, got 0.');
  });
});
