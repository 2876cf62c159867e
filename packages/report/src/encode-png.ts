import { assertRgbImage, type RgbImage } from '@vitvq/core';
import { encode } from 'fast-png';

/** Returns the bytes of a PNG file. @throws {ShapeError} when the values do not fill the image */
export function encodePng(image: RgbImage): Uint8Array {
  assertRgbImage(image, 'encodePng');
  const { width, height, data } = image;
  return encode({ width, height, data, channels: 3, depth: 8 }, { zlib: { level: 9 } });
}
