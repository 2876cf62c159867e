import type { FeatureRows } from '../features/feature-rows.js';

/** Rows of the left side whose products are in memory at once. */
const blockRows = 128;

/**
 * Computes the scalar products of all pairs of rows in float64, some rows of `a` at a time.
 * @param visit  takes the products of one row of `a` with all rows of `b`; they are overwritten
 *   afterwards
 */
export function forEachRowOfProducts(
  a: FeatureRows,
  b: FeatureRows,
  visit: (row: number, products: Float64Array) => void,
): void {
  const { dim } = a;
  const [rows, columns] = [a.data.length / dim, b.data.length / dim];
  const [left, right] = [Float64Array.from(a.data), Float64Array.from(b.data)];
  const block = new Float64Array(blockRows * columns);
  for (let begin = 0; begin < rows; begin += blockRows) {
    const end = Math.min(rows, begin + blockRows);
    // A tile of rows of `b` stays in the cache while the rows of the block pass.
    for (let column = 0; column < columns; column += 4) {
      for (let row = begin; row < end; row++) {
        fourProducts(left, row * dim, right, column, dim, block, (row - begin) * columns, columns);
      }
    }
    for (let row = begin; row < end; row++) {
      visit(row, block.subarray((row - begin) * columns, (row - begin + 1) * columns));
    }
  }
}

/** Writes the products of a row with four rows, or with those that are left. */
function fourProducts(
  left: Float64Array,
  at: number,
  right: Float64Array,
  column: number,
  dim: number,
  out: Float64Array,
  outAt: number,
  columns: number,
): void {
  const last = columns - 1;
  const at0 = column * dim;
  const at1 = Math.min(column + 1, last) * dim;
  const at2 = Math.min(column + 2, last) * dim;
  const at3 = Math.min(column + 3, last) * dim;
  let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0];
  for (let i = 0; i < dim; i++) {
    const value = left[at + i]!;
    sum0 += value * right[at0 + i]!;
    sum1 += value * right[at1 + i]!;
    sum2 += value * right[at2 + i]!;
    sum3 += value * right[at3 + i]!;
  }
  out[outAt + column] = sum0;
  if (column + 1 < columns) out[outAt + column + 1] = sum1;
  if (column + 2 < columns) out[outAt + column + 2] = sum2;
  if (column + 3 < columns) out[outAt + column + 3] = sum3;
}

/** Returns the squared length of each row. */
export function squaredLengths({ dim, data }: FeatureRows): Float64Array {
  return Float64Array.from({ length: data.length / dim }, (_, row) => {
    let sum = 0;
    for (let i = row * dim; i < (row + 1) * dim; i++) sum += data[i]! * data[i]!;
    return sum;
  });
}
