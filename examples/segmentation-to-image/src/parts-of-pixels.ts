import type { HostImages } from '@vitvq/core';
import { PART_NAMES, PARTS } from './scenes.js';

/**
 * Returns which part each pixel of a map shows, as numbers: that of the nearest colour.
 * @param maps  `[B, H, W, 3]` in [0, 1]
 */
export function partsOfMaps({ data }: HostImages): Uint8Array {
  return nearest(
    data,
    PART_NAMES.map((name) => PARTS[name].map),
  );
}

/**
 * Returns which part each pixel of painted images looks like: that of the nearest mean colour. It
 * knows neither map nor place, so that it is often wrong where parts are of one colour.
 * @param images  `[B, H, W, 3]` in [0, 1]
 * @param meanColors  of each part, see {@link meanColorsOf}
 */
export function partsOfImages({ data }: HostImages, meanColors: readonly (readonly number[])[]): Uint8Array {
  return nearest(data, meanColors);
}

/** Returns the mean colour of each part in images of which the maps are known. */
export function meanColorsOf({ data }: HostImages, parts: Uint8Array): number[][] {
  const sums = PART_NAMES.map(() => [0, 0, 0]);
  const counts = PART_NAMES.map(() => 0);
  parts.forEach((part, pixel) => {
    counts[part]!++;
    for (let channel = 0; channel < 3; channel++) sums[part]![channel]! += data[pixel * 3 + channel]!;
  });
  return sums.map((sum, part) => sum.map((value) => value / Math.max(1, counts[part]!)));
}

/** Returns the fraction of pixels whose parts agree. */
export function agreement(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, part, pixel) => sum + Number(part === b[pixel]), 0) / a.length;
}

/** Returns the number of the nearest colour of each pixel. */
function nearest(data: Float32Array, colors: readonly (readonly number[])[]): Uint8Array {
  return Uint8Array.from({ length: data.length / 3 }, (_, pixel) => {
    const distances = colors.map((color) =>
      color.reduce((sum, value, channel) => sum + (value - data[pixel * 3 + channel]!) ** 2, 0),
    );
    return distances.indexOf(Math.min(...distances));
  });
}
