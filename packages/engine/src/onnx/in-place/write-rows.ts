import type { TypedArray } from '../../ir/graph.js';
import type { InPlaceKernel } from './kernel.js';

/**
 * Runs the composite `write_rows`: operands are the state, the rows, and the position of the first
 * row on the attribute `axis`.
 */
export const rowWriter: InPlaceKernel = {
  replaces: [0],
  run: ([state, rows, position], { attributes, shapes }) => {
    const axis = attributes['axis'] as number;
    const count = shapes[1]![axis]!;
    writeRows(state!, rows!, { shape: shapes[0]!, axis, count, position: position![0]! });
  },
};

/**
 * Writes rows into an array in place.
 * @param place  `shape`: shape of the target; `count`: number of rows along `axis` (otherwise the
 *   rows have the target's shape); `position`: index of the first row on the axis
 */
export function writeRows(
  target: TypedArray,
  rows: TypedArray,
  { shape, axis, count, position }: { shape: readonly number[]; axis: number; count: number; position: number },
): void {
  const length = shape[axis]!;
  if (!(position >= 0 && position + count <= length)) {
    throw new Error(`rows ${position} to ${position + count} of an axis of ${length} cannot be written`);
  }
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const [wideTarget, wideRows] = inner % 2 === 0 ? [inPairs(target), inPairs(rows)] : [];
  if (wideTarget && wideRows) {
    copyRows(wideTarget, wideRows, { inner: inner / 2, count, length, position });
  } else {
    copyRows(target, rows, { inner, count, length, position });
  }
}

/**
 * Returns a view that moves float32 values in pairs, in two thirds of the time, where their memory
 * is aligned for it. Integers are not moved in pairs: a pair may have the bits of a NaN, which need
 * not be kept.
 */
function inPairs(values: TypedArray): Float64Array | undefined {
  const canBe = values instanceof Float32Array && values.byteOffset % 8 === 0 && values.length % 2 === 0;
  return canBe ? new Float64Array(values.buffer, values.byteOffset, values.length / 2) : undefined;
}

/** Copies blocks of rows; `inner` is the size of a row and `length` the length of the axis. */
function copyRows(
  target: TypedArray | Float64Array,
  rows: TypedArray | Float64Array,
  { inner, count, length, position }: { inner: number; count: number; length: number; position: number },
): void {
  const [from, to] = [count * inner, length * inner];
  const outer = rows.length / from;
  for (let block = 0; block < outer; block++) {
    const [start, offset] = [block * from, block * to + position * inner];
    // Rows are short, so a loop is faster than copying views.
    for (let index = 0; index < from; index++) target[offset + index] = rows[start + index]!;
  }
}
