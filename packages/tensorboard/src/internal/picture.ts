import { assertRgbImage, DataError, type RgbImage } from '@vitvq/core';
import { encode } from 'fast-png';
import type { EncodedPicture } from './event.js';

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/**
 * Channels by the colour type of a PNG file (PNG specification, section 11.2.1); a palette holds
 * RGB.
 */
const channelsByColorType: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };

/**
 * Reads size and channels of a PNG file from its first chunk.
 * @throws {DataError} for other bytes
 */
export function describePng(png: Uint8Array, where: string): EncodedPicture {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const channels = png.length < 33 ? undefined : channelsByColorType[view.getUint8(25)];
  if (channels === undefined || signature.some((byte, index) => png[index] !== byte)) {
    throw new DataError({
      where,
      expected: 'the bytes of a PNG file',
      got: `${png.length} other bytes`,
      fix: 'Pass pixels as { width, height, data }.',
    });
  }
  return { width: view.getUint32(16), height: view.getUint32(20), channels, png };
}

/**
 * Returns a copy of an image, so that its owner may reuse the memory.
 * @throws {ShapeError} when the values do not fill it
 */
export function copyImage(image: RgbImage, where: string): RgbImage {
  assertRgbImage(image, where);
  const { width, height, data } = image;
  return { width, height, data: data.slice() };
}

/** Compresses an image as a PNG file. */
export function encodePicture({ width, height, data }: RgbImage): EncodedPicture {
  return { width, height, channels: 3, png: encode({ width, height, data, channels: 3, depth: 8 }) };
}
