import { permutation, type RandomKey } from '@vitvq/core';

/** Returns the positions 0 to `count - 1` in the order in which they come: row after row. */
export function rasterOrder(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, position) => position);
}

/** Returns the positions 0 to `count - 1` in an order that the key draws, all equally likely. */
export function randomOrder(key: RandomKey, count: number): Int32Array {
  return Int32Array.from(permutation(key, count));
}

/**
 * Returns the positions of a grid in the order of the Halton sequence with the bases 2 (columns)
 * and 3 (rows): any stretch of the order is spread evenly over the image, so that tokens that come
 * together stand far apart (Halton-MaskGIT, arXiv:2503.17076, section 3.3).
 */
export function haltonOrder([rows, columns]: readonly [number, number]): Int32Array {
  const seen = new Uint8Array(rows * columns);
  const order = new Int32Array(rows * columns);
  for (let index = 1, found = 0; found < order.length; index++) {
    const position =
      Math.floor(radicalInverse(index, 3) * rows) * columns + Math.floor(radicalInverse(index, 2) * columns);
    if (seen[position]) continue;
    seen[position] = 1;
    order[found++] = position;
  }
  return order;
}

/** Returns the digits of `index` in a base, mirrored behind the point: a number in [0, 1). */
function radicalInverse(index: number, base: number): number {
  let [value, unit] = [0, 1 / base];
  for (let rest = index; rest > 0; rest = Math.floor(rest / base), unit /= base) value += (rest % base) * unit;
  return value;
}

/** Returns the place of each position in an order: its inverse. */
export function rankOf(order: Int32Array): Int32Array {
  const rank = new Int32Array(order.length);
  order.forEach((position, place) => (rank[position] = place));
  return rank;
}
