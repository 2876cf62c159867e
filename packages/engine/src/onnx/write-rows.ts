import type { TypedArray } from '../ir/graph.js';

/**
 * Writes rows into an array in place.
 * @param shape  of the target
 * @param count  how many rows there are along the axis; the rest of their shape is that of the target
 * @param position  where on the axis the first one goes
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
 * float32 values two by two, where they lie so that they can be moved like that: in two thirds of the time. Integers are not: a
 * pair may have the bits of a NaN, which need not be kept.
 */
function inPairs(values: TypedArray): Float64Array | undefined {
  const canBe = values instanceof Float32Array && values.byteOffset % 8 === 0 && values.length % 2 === 0;
  return canBe ? new Float64Array(values.buffer, values.byteOffset, values.length / 2) : undefined;
}

/** @param sizes  `inner`: of a row; `length`: of the axis */
function copyRows(
  target: TypedArray | Float64Array,
  rows: TypedArray | Float64Array,
  { inner, count, length, position }: { inner: number; count: number; length: number; position: number },
): void {
  const [from, to] = [count * inner, length * inner];
  const outer = rows.length / from;
  for (let block = 0; block < outer; block++) {
    const [start, offset] = [block * from, block * to + position * inner];
    // Rows are short: a loop is faster than views and their copies.
    for (let index = 0; index < from; index++) target[offset + index] = rows[start + index]!;
  }
}
