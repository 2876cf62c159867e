import { formatShape, type HostTensor } from '@vitvq/core';
import { checksum } from './checksum.js';
import { expectations, type LoadedCase, type TensorEntry } from './fixture.js';

/** Result of one comparison, which passes when `ratio` is at most 1. */
export interface Comparison {
  readonly name: string;
  /** Largest difference divided by its tolerance; Infinity for values that cannot be compared. */
  readonly ratio: number;
  /** Reason why the comparison fails. */
  readonly problem?: string;
}

/** Returns a failed comparison, independent of any numbers. */
export function failed(name: string, problem: string): Comparison {
  return { name, ratio: Infinity, problem };
}

/**
 * Returns the tolerance of a tensor: `atol` of the manifest, or the manifest's rule if `atol` is
 * missing. The tolerance of integers is 0.
 */
export function toleranceOf(entry: TensorEntry, expected: HostTensor, groupAbsMax: number): number {
  if (expected.data instanceof Int32Array) return 0;
  if (entry.atol !== undefined) return entry.atol;
  return Math.max(5e-5 * absMaxOf(entry, expected), 20 * (entry.f64Diff ?? 0), 5e-7 * Math.min(1, groupAbsMax));
}

function absMaxOf(entry: TensorEntry, expected: HostTensor): number {
  if (entry.absMax !== undefined) return entry.absMax;
  let largest = 0;
  for (const value of expected.data) largest = Math.max(largest, Math.abs(value));
  return largest;
}

/**
 * Compares values elementwise. NaN differs from every value, and so does an infinity that is not
 * expected.
 */
export function compareValues(
  name: string,
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): Comparison {
  if (got.length !== expected.length) return failed(name, `${got.length} values instead of ${expected.length}`);
  let largest = 0;
  let at = -1;
  for (let index = 0; index < expected.length; index++) {
    if (got[index] === expected[index]) continue;
    const difference = Math.abs(got[index]! - expected[index]!);
    if (!Number.isFinite(difference)) {
      return failed(name, `${got[index]} instead of ${expected[index]} at element ${index}`);
    }
    if (difference > largest) {
      largest = difference;
      at = index;
    }
  }
  if (largest <= tolerance) return { name, ratio: largest === 0 ? 0 : largest / tolerance };
  return {
    name,
    ratio: tolerance > 0 ? largest / tolerance : Infinity,
    problem: `${got[at]} instead of ${expected[at]} at element ${at}, difference ${largest.toPrecision(3)}, allowed ${tolerance}`,
  };
}

function compareTensor(name: string, got: HostTensor, expected: HostTensor, tolerance: number): Comparison {
  const shape = formatShape(expected.shape);
  if (formatShape(got.shape) !== shape) return failed(name, `shape ${formatShape(got.shape)} instead of ${shape}`);
  const integers = expected.data instanceof Int32Array;
  if (got.data instanceof Int32Array !== integers)
    return failed(name, integers ? 'floats instead of integers' : 'integers instead of floats');
  return compareValues(name, got.data, expected.data, tolerance);
}

/** Returns the group of a name. Gradients of one scalar share a group, and so do all outputs. */
function groupOf(name: string): string {
  return name.startsWith('grad/') ? name.split('/').slice(0, 2).join('/') : 'out';
}

/**
 * Returns the produced tensor of an expectation. A checksum (`out/checksum/<name>`) is computed
 * from an output or a gradient. The manifest hashes a gradient by the name of its weight.
 */
function find(name: string, produced: ReadonlyMap<string, HostTensor>): HostTensor | undefined {
  const direct = produced.get(name);
  const match = /^out\/((?:.*\/)?)checksum\/(.+)$/.exec(name);
  if (direct || !match) return direct;
  const [, before, rest] = match as unknown as [string, string, string];
  const source = produced.get(`out/${before}${rest}`) ?? produced.get(`grad/${before}${rest}`);
  return source && checksum(rest.replace(/^.*\/(?:w|in)\//, ''), source);
}

/** Compares all expected tensors of a case with the produced ones, by the names of the file. */
export function compareCase(fixture: LoadedCase, produced: ReadonlyMap<string, HostTensor>): Comparison[] {
  const entries = Object.entries(expectations(fixture));
  const groups = new Map<string, number>();
  for (const [name, entry] of entries) {
    const absMax = absMaxOf(entry, fixture.tensors.get(name)!);
    groups.set(groupOf(name), Math.max(groups.get(groupOf(name)) ?? 0, absMax));
  }
  return entries.map(([name, entry]) => {
    const expected = fixture.tensors.get(name)!;
    const got = find(name, produced);
    if (!got) return failed(name, 'not computed');
    return compareTensor(name, got, expected, toleranceOf(entry, expected, groups.get(groupOf(name))!));
  });
}
