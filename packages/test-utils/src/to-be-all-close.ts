import * as tf from '@tensorflow/tfjs-core';
import type { HostTensor } from '@vitvq/core';
import { expect } from 'vitest';

/**
 * What can be compared: a tensor, host values with a shape, a flat or nested array of numbers, a
 * number.
 */
export type Comparable = tf.Tensor | HostTensor | ArrayLike<number> | NestedNumbers | number;
export type NestedNumbers = readonly (number | NestedNumbers)[];

/** Allowed difference: `atol + rtol * |expected|`. */
export interface Tolerance {
  /** Relative to the expected element. @default 1e-5 */
  readonly rtol?: number;
  /** Absolute. @default 1e-6 */
  readonly atol?: number;
}

declare module 'vitest' {
  // The type parameter must be declared exactly as vitest declares it.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  interface Matchers<T = any> {
    /**
     * Every element within `atol + rtol * |expected|`, shapes equal where both sides have one. NaN
     * never passes, infinity only where the same infinity is expected.
     */
    toBeAllClose(expected: Comparable, tolerance?: Tolerance): T;
  }
}

interface Values {
  /** Undefined where the value is flat and says nothing about its shape. */
  readonly shape: readonly number[] | undefined;
  readonly data: ArrayLike<number>;
}

/** Result of a comparison. */
export interface Comparison {
  readonly pass: boolean;
  readonly message: string;
}

/** The comparison behind `toBeAllClose`, for programs that collect failures. */
export function compareAll(
  received: Comparable,
  expected: Comparable,
  { rtol = 1e-5, atol = 1e-6 }: Tolerance = {},
): Comparison {
  const a = toValues(received);
  const b = toValues(expected);
  if (a.shape && b.shape && a.shape.join() !== b.shape.join()) {
    return { pass: false, message: `shape [${a.shape.join(', ')}] instead of [${b.shape.join(', ')}]` };
  }
  if (a.data.length !== b.data.length) {
    return { pass: false, message: `${a.data.length} values instead of ${b.data.length}` };
  }
  const shape = a.shape ?? b.shape ?? [a.data.length];
  let failures = 0;
  let worst = -1;
  let worstExcess = -Infinity;
  for (let index = 0; index < a.data.length; index++) {
    const value = a.data[index]!;
    const goal = b.data[index]!;
    if (value === goal) continue;
    const distance = Math.abs(value - goal);
    const excess = distance / (atol + rtol * Math.abs(goal));
    if (excess <= 1) continue;
    failures++;
    const rank = Number.isNaN(excess) ? Infinity : excess;
    if (worst < 0 || rank > worstExcess) {
      worst = index;
      worstExcess = rank;
    }
  }
  if (failures === 0) return { pass: true, message: `all ${a.data.length} values within rtol ${rtol}, atol ${atol}` };
  const value = a.data[worst]!;
  const goal = b.data[worst]!;
  return {
    pass: false,
    message:
      `${failures} of ${a.data.length} values differ by more than rtol ${rtol}, atol ${atol}; worst at ` +
      `[${position(worst, shape).join(', ')}]: ${value} instead of ${goal} (off by ${Math.abs(value - goal)})`,
  };
}

function toValues(value: Comparable): Values {
  if (typeof value === 'number') return { shape: [], data: [value] };
  if (value instanceof tf.Tensor) return { shape: value.shape, data: value.dataSync() };
  if ('shape' in value && 'data' in value) return value;
  if (!Array.isArray(value)) return { shape: undefined, data: value as ArrayLike<number> };
  const nested: NestedNumbers = value;
  if (!nested.some(Array.isArray)) return { shape: undefined, data: nested as readonly number[] };
  const shape: number[] = [];
  for (let level: number | NestedNumbers = nested; typeof level !== 'number'; level = level[0] ?? 0)
    shape.push(level.length);
  return { shape, data: flatten(nested) };
}

function flatten(nested: NestedNumbers): number[] {
  return nested.flatMap((item) => (typeof item === 'number' ? [item] : flatten(item)));
}

function position(index: number, shape: readonly number[]): number[] {
  const coordinates: number[] = [];
  for (let axis = shape.length - 1, rest = index; axis >= 0; axis--) {
    coordinates.unshift(rest % shape[axis]!);
    rest = Math.floor(rest / shape[axis]!);
  }
  return coordinates;
}

expect.extend({
  toBeAllClose(received: Comparable, expected: Comparable, tolerance?: Tolerance) {
    const { pass, message } = compareAll(received, expected, tolerance);
    return { pass, message: () => (pass ? `expected a difference, but ${message}` : message) };
  },
});
