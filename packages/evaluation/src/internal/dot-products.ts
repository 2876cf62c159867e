import type { FeatureRows } from '../features/feature-rows.js';

/** Rows of the left side whose products are in memory at once. */
const blockRows = 128;

/**
 * Computes the scalar products of all pairs of rows in float64, some rows of `a` at a time.
 * @param pairs  `lower` leaves out the products of each row of `a` with later rows of `b`
 * @param visit  takes the products of one row of `a` with all rows of `b`; they are overwritten
 *   afterwards
 */
export function forEachRowOfProducts(
  a: FeatureRows,
  b: FeatureRows,
  pairs: 'all' | 'lower',
  visit: (row: number, products: Float64Array) => void,
): void {
  const { dim } = a;
  const [rows, columns] = [a.data.length / dim, b.data.length / dim];
  const [left, right] = [Float64Array.from(a.data), Float64Array.from(b.data)];
  const block = new Float64Array(blockRows * columns);
  const tile = new Float64Array(16);
  for (let begin = 0; begin < rows; begin += blockRows) {
    const end = Math.min(rows, begin + blockRows);
    const limit = pairs === 'all' ? columns : Math.min(columns, end);
    for (let column = 0; column < limit; column += 4) {
      for (let row = begin; row < end; row += 4) {
        multiplyTile(left, startsOf(row, end, dim), right, startsOf(column, columns, dim), dim, tile);
        for (let place = 0; place < 16; place++) {
          const [y, x] = [row + (place >> 2), column + (place & 3)];
          if (y < end && x < columns) block[(y - begin) * columns + x] = tile[place]!;
        }
      }
    }
    for (let row = begin; row < end; row++) {
      visit(row, block.subarray((row - begin) * columns, (row - begin + 1) * columns));
    }
  }
}

/** Positions of four rows; beyond the end the last one stands for those that do not exist. */
type Starts = readonly [number, number, number, number];

function startsOf(row: number, end: number, dim: number): Starts {
  const at = (place: number): number => Math.min(row + place, end - 1) * dim;
  return [at(0), at(1), at(2), at(3)];
}

/** Writes the products of four rows with four others: each value that is loaded serves four. */
function multiplyTile(
  left: Float64Array,
  [l0, l1, l2, l3]: Starts,
  right: Float64Array,
  [r0, r1, r2, r3]: Starts,
  dim: number,
  tile: Float64Array,
): void {
  let [s00, s01, s02, s03, s10, s11, s12, s13] = [0, 0, 0, 0, 0, 0, 0, 0];
  let [s20, s21, s22, s23, s30, s31, s32, s33] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < dim; i++) {
    const b0 = right[r0 + i]!;
    const b1 = right[r1 + i]!;
    const b2 = right[r2 + i]!;
    const b3 = right[r3 + i]!;
    const a0 = left[l0 + i]!;
    s00 += a0 * b0;
    s01 += a0 * b1;
    s02 += a0 * b2;
    s03 += a0 * b3;
    const a1 = left[l1 + i]!;
    s10 += a1 * b0;
    s11 += a1 * b1;
    s12 += a1 * b2;
    s13 += a1 * b3;
    const a2 = left[l2 + i]!;
    s20 += a2 * b0;
    s21 += a2 * b1;
    s22 += a2 * b2;
    s23 += a2 * b3;
    const a3 = left[l3 + i]!;
    s30 += a3 * b0;
    s31 += a3 * b1;
    s32 += a3 * b2;
    s33 += a3 * b3;
  }
  tile.set([s00, s01, s02, s03, s10, s11, s12, s13, s20, s21, s22, s23, s30, s31, s32, s33]);
}

/** Returns the squared length of each row. */
export function squaredLengths({ dim, data }: FeatureRows): Float64Array {
  return Float64Array.from({ length: data.length / dim }, (_, row) => {
    let sum = 0;
    for (let i = row * dim; i < (row + 1) * dim; i++) sum += data[i]! * data[i]!;
    return sum;
  });
}
