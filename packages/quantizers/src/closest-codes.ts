import {
  assertInRange,
  assertInteger,
  formatShape,
  ShapeError,
  type HostTensor,
  checkOptions,
  type OptionTable,
} from '@vitvq/core';
import { unitRows } from './internal/unit-rows.js';

/** Options of {@link closestCodes}. */
export interface ClosestCodesOptions {
  /**
   * Whether the quantizer l2-normalises codes before it compares them; then their directions are
   * compared.
   * @default true
   */
  readonly normalize?: boolean;
  /** Number of pairs that are returned. @default 5 */
  readonly pairs?: number;
  /**
   * Distance up to which two codes stand for the same features, in units of the spread of the
   * codebook: the root of the mean squared distance of its codes from their mean.
   * @default 0.05
   */
  readonly duplicateDistance?: number;
}

const closestCodesOptionNames: OptionTable<ClosestCodesOptions> = {
  normalize: 'optional',
  pairs: 'optional',
  duplicateDistance: 'optional',
};

/** Two codes and how far apart they are. */
export interface CodePair {
  /** Indices, ascending. */
  readonly codes: readonly [number, number];
  /** Euclidean distance, between l2-normalised codes where the quantizer normalises. */
  readonly distance: number;
}

/** Result of {@link closestCodes}. */
export interface ClosestCodes {
  /** Pairs of codes, nearest first. */
  readonly pairs: readonly CodePair[];
  /** Codes with another one within `duplicateDistance`, ascending. */
  readonly duplicates: readonly number[];
  /** `duplicateDistance` as a distance between codes. */
  readonly threshold: number;
}

/**
 * Returns the codes of a codebook that are nearest to each other, under the metric of its
 * quantizer. The result is exact: codes are sorted along the axis of the largest variance, and only
 * codes that are near along it are compared. It takes seconds for 8,192 codes of 32 channels.
 * @param codebook  `[K, E]`, K at least 2
 * @throws {ShapeError} for another shape, or values that are not finite
 * @throws {ConfigError}
 */
export function closestCodes(codebook: HostTensor, options: ClosestCodesOptions = {}): ClosestCodes {
  const {
    normalize = true,
    pairs = 5,
    duplicateDistance = 0.05,
  } = checkOptions(options, closestCodesOptionNames, 'closestCodes');
  const where = 'closestCodes';
  assertInteger(pairs, 'pairs', where);
  assertInRange(duplicateDistance, 'duplicateDistance', where, 0);
  const [size, dim] = assertCodebook(codebook, where);
  const codes = normalize ? unitRows(codebook.data, dim) : Float64Array.from(codebook.data);
  const variances = axisVariances(codes, size, dim);
  const axis = variances.indexOf(Math.max(...variances));
  const threshold = duplicateDistance * Math.sqrt(variances.reduce((sum, variance) => sum + variance, 0));
  const order = Array.from({ length: size }, (_, code) => code).sort(
    (a, b) => codes[a * dim + axis]! - codes[b * dim + axis]!,
  );

  const nearest: CodePair[] = [];
  const duplicate = new Set<number>();
  let farthestKept = Infinity;
  order.forEach((first, rank) => {
    for (let next = rank + 1; next < size; next++) {
      const second = order[next]!;
      const reach = Math.max(farthestKept, threshold);
      if (codes[second * dim + axis]! - codes[first * dim + axis]! > reach) break;
      const distance = distanceWithin(codes, first * dim, second * dim, dim, reach);
      if (distance === undefined) continue;
      if (distance <= threshold) duplicate.add(first).add(second);
      if (distance >= farthestKept) continue;
      nearest.push({ codes: first < second ? [first, second] : [second, first], distance });
      nearest.sort((a, b) => a.distance - b.distance);
      if (nearest.length > pairs) nearest.pop();
      if (nearest.length === pairs) farthestKept = nearest.at(-1)!.distance;
    }
  });
  return { pairs: nearest, duplicates: [...duplicate].sort((a, b) => a - b), threshold };
}

function assertCodebook({ shape, data }: HostTensor, where: string): [size: number, dim: number] {
  const [size = 0, dim = 0] = shape;
  if (shape.length !== 2 || size < 2 || dim < 1 || data.length !== size * dim) {
    const got = `${formatShape(shape)} with ${data.length} values`;
    throw new ShapeError({ where, expected: 'a codebook [K, E] of at least 2 codes', got });
  }
  const wrong = data.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    throw new ShapeError({
      where,
      expected: 'a codebook of finite values',
      got: `${data[wrong]} in code ${Math.floor(wrong / dim)}`,
    });
  }
  return [size, dim];
}

function axisVariances(codes: Float64Array, size: number, dim: number): number[] {
  return Array.from({ length: dim }, (_, channel) => {
    let sum = 0;
    for (let code = 0; code < size; code++) sum += codes[code * dim + channel]!;
    const mean = sum / size;
    let squares = 0;
    for (let code = 0; code < size; code++) squares += (codes[code * dim + channel]! - mean) ** 2;
    return squares / size;
  });
}

/** Returns the distance of two rows, or undefined when it is larger than `limit`. */
function distanceWithin(
  codes: Float64Array,
  first: number,
  second: number,
  dim: number,
  limit: number,
): number | undefined {
  const squaredLimit = limit ** 2;
  let sum = 0;
  for (let channel = 0; channel < dim; channel++) {
    sum += (codes[first + channel]! - codes[second + channel]!) ** 2;
    if (sum > squaredLimit) return undefined;
  }
  return Math.sqrt(sum);
}
