import type { RgbImage } from '@vitvq/core';

/** Enlarges an image to a height by nearest neighbour, so that every pixel can be seen. */
export function enlarge(image: RgbImage, height: number): RgbImage {
  if (height === image.height) return image;
  const width = Math.max(1, Math.round((image.width * height) / image.height));
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const sourceRow = Math.floor((y * image.height) / height) * image.width;
    for (let x = 0; x < width; x++) {
      const source = (sourceRow + Math.floor((x * image.width) / width)) * 3;
      data.set(image.data.subarray(source, source + 3), (y * width + x) * 3);
    }
  }
  return { width, height, data };
}

/**
 * Returns the smallest whole multiple of a height that is at least 96 pixels, at which pixels can
 * be seen.
 */
export function visibleHeight(height: number): number {
  return height * Math.max(1, Math.ceil(96 / height));
}
