import type { CropRegion } from './crop-region.js';

/** An image of bytes, `[height, width, channels]` row-major, 0 to 255. */
export interface Raster {
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Where a crop `[height, width, channels]` in [0, 1] is written, row-major. */
export interface RasterView {
  readonly data: Float32Array;
  /** Position of the first value. */
  readonly offset: number;
}

/** `byte / 255` for every byte. */
export const unitOfByte = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/** Copies a region of an image that is not scaled. */
export function copyRegion(
  { pixels, width, channels }: Raster,
  { top, left, height: cropHeight, width: cropWidth, flip }: CropRegion,
  { data, offset }: RasterView,
): void {
  let target = offset;
  for (let row = 0; row < cropHeight; row++) {
    let source = ((top + row) * width + left) * channels;
    if (!flip) {
      for (const end = target + cropWidth * channels; target < end;) data[target++] = unitOfByte[pixels[source++]!]!;
      continue;
    }
    source += (cropWidth - 1) * channels;
    for (let column = 0; column < cropWidth; column++, source -= channels) {
      for (let channel = 0; channel < channels; channel++) data[target++] = unitOfByte[pixels[source + channel]!]!;
    }
  }
}

/**
 * Scales and crops; each pixel of the crop is the pixel of the original in which its center lies.
 */
export function nearestRegion(
  { pixels, height, width, channels }: Raster,
  { scaledHeight, scaledWidth, top, left, height: cropHeight, width: cropWidth, flip }: CropRegion,
  { data, offset }: RasterView,
): void {
  const columns = Int32Array.from({ length: cropWidth }, (_, column) => {
    const from = left + (flip ? cropWidth - 1 - column : column);
    return Math.floor(((from + 0.5) * width) / scaledWidth);
  });
  let target = offset;
  for (let row = 0; row < cropHeight; row++) {
    const line = Math.floor(((top + row + 0.5) * height) / scaledHeight) * width;
    for (const column of columns) {
      const source = (line + column) * channels;
      for (let channel = 0; channel < channels; channel++) data[target++] = unitOfByte[pixels[source + channel]!]!;
    }
  }
}
