import { DataError, ShapeError } from '@vitvq/core';
import sharp from 'sharp';
import type { EncodedPicture } from './event.js';

/** A picture of 8-bit values, row by row: grey, RGB or RGBA, told by how many there are. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** `height * width * C` values, C being 1, 3 or 4. */
  readonly data: Uint8Array;
}

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** Channels by the colour type of a PNG file (PNG specification, 11.2.1); a palette holds RGB. */
const channelsByColorType: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 };

/** Size and channels of a PNG file, as its first chunk says. @throws {DataError} for other bytes */
export function describePng(png: Uint8Array, where: string): EncodedPicture {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const channels = png.length < 33 ? undefined : channelsByColorType[view.getUint8(25)];
  if (channels === undefined || signature.some((byte, index) => png[index] !== byte)) {
    throw new DataError({
      where,
      expected: 'the bytes of a PNG file',
      got: `${png.length} other bytes`,
      fix: 'Pixels go in as { data, width, height }.',
    });
  }
  return { width: view.getUint32(16), height: view.getUint32(20), channels, png };
}

/** Channels of a picture. @throws {ShapeError} when the values do not fill it */
export function channelsOf({ width, height, data }: RgbImage, where: string): 1 | 3 | 4 {
  const channels = data.length / (width * height);
  if (Number.isInteger(width) && width > 0 && (channels === 1 || channels === 3 || channels === 4)) return channels;
  throw new ShapeError({
    where,
    expected: 'height x width x 1, 3 or 4 values of at least one pixel',
    got: `${data.length} values for ${height} x ${width}`,
  });
}

/** Compresses a picture, beside the event loop. */
export async function encodePicture(image: RgbImage, channels: 1 | 3 | 4): Promise<EncodedPicture> {
  const { width, height } = image;
  const pixels = sharp(image.data, { raw: { width, height, channels } });
  if (channels === 1) pixels.toColourspace('b-w');
  return { width, height, channels, png: await pixels.png().toBuffer() };
}
