import { permutation, split, foldIn, type RandomKey } from '@vitvq/core';
import type { Stretches } from '../image-dataset.js';

/**
 * Draws the order of an epoch. Without stretches, every order is equally likely. With them, their
 * order is drawn, and the images of so many of them as the source keeps are shuffled together, so
 * that each stretch is read once.
 */
export function shuffledOrder(key: RandomKey, length: number, stretches: Stretches | undefined): Uint32Array {
  if (stretches === undefined) return permutation(key, length);
  const { begins, together } = stretches;
  const [stretchKey, imageKey] = split(key, 2);
  const order = new Uint32Array(length);
  const stretchOrder = permutation(stretchKey!, begins.length);
  let filled = 0;
  for (let first = 0; first < begins.length; first += together) {
    const images: number[] = [];
    for (const stretch of stretchOrder.subarray(first, first + together)) {
      const end = begins[stretch + 1] ?? length;
      for (let image = begins[stretch]!; image < end; image++) images.push(image);
    }
    for (const position of permutation(foldIn(imageKey!, first), images.length)) order[filled++] = images[position]!;
  }
  return order;
}

/** Returns the stretches of some images of a source; undefined where they do not stay in order. */
export function stretchesOf({ begins, together }: Stretches, positions: Uint32Array): Stretches | undefined {
  const found: number[] = [];
  let stretch = -1;
  for (const [index, position] of positions.entries()) {
    if (index > 0 && position < positions[index - 1]!) return undefined;
    if (stretch >= 0 && position < (begins[stretch + 1] ?? Infinity)) continue;
    while (position >= (begins[stretch + 1] ?? Infinity)) stretch++;
    found.push(index);
  }
  return { begins: Uint32Array.from(found), together };
}
