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
  const [from, to] = [count * inner, length * inner];
  const outer = rows.length / from;
  for (let block = 0; block < outer; block++) {
    const [start, offset] = [block * from, block * to + position * inner];
    // Rows are short: a loop is faster than views and their copies.
    for (let index = 0; index < from; index++) target[offset + index] = rows[start + index]!;
  }
}
