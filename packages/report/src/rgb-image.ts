import { ShapeError, formatShape } from '@vitvq/core';
import sharp, { type Sharp } from 'sharp';
import { writeWhole } from '@vitvq/files';

/** A picture of 8-bit red, green, blue values, row by row. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** `height * width * 3` values. */
  readonly data: Uint8Array;
}

/**
 * Pictures of float images, clamped to [0, 1]; not-a-number becomes black.
 * @param images  `[B, H, W, C]`, C being 1 (grey) or 3
 * @throws {ShapeError}
 */
export function toRgbImages(images: Float32Array, shape: readonly [number, number, number, number]): RgbImage[] {
  const [count, height, width, channels] = shape;
  const pixels = height * width;
  if (images.length !== count * pixels * channels || (channels !== 1 && channels !== 3)) {
    throw new ShapeError({
      where: 'toRgbImages',
      expected: `images [B, H, W, 1] or [B, H, W, 3] with as many values as their shape says`,
      got: `${formatShape(shape)} with ${images.length} values`,
    });
  }
  return Array.from({ length: count }, (_, index) => {
    const start = index * pixels * channels;
    const data = new Uint8ClampedArray(pixels * 3); // clamps, rounds, and turns NaN into 0
    for (let position = 0; position < data.length; position++) {
      const source = channels === 3 ? position : Math.floor(position / 3);
      data[position] = images[start + source]! * 255;
    }
    return { width, height, data: new Uint8Array(data.buffer) };
  });
}

/** The bytes of a PNG file. @throws {ShapeError} when the values do not fill the picture */
export async function encodePng(image: RgbImage): Promise<Buffer> {
  assertImage(image, 'encodePng');
  return raw(image).png({ compressionLevel: 9 }).toBuffer();
}

/**
 * Writes a PNG file; its folder must exist.
 * @throws {ShapeError} when the values do not fill the picture
 * @throws {DataError} when the file cannot be written
 */
export async function writePng(file: string, image: RgbImage): Promise<void> {
  await writeWhole(file, await encodePng(image));
}

/**
 * The bytes of a PNG file of a chart. Text needs a font on this machine; the SVG itself does not.
 * @param scale  pixels of the result for one unit of the drawing
 */
export async function svgToPng(svg: string, { scale = 2 }: { readonly scale?: number } = {}): Promise<Buffer> {
  return sharp(Buffer.from(svg), { density: 72 * scale })
    .png({ compressionLevel: 9 })
    .toBuffer();
}

export function assertImage({ width, height, data }: RgbImage, where: string): void {
  if (!(width > 0 && height > 0 && Number.isInteger(width) && data.length === width * height * 3)) {
    throw new ShapeError({
      where,
      expected: 'height x width x 3 values of at least one pixel',
      got: `${data.length} values for ${height} x ${width}`,
    });
  }
}

export function raw({ width, height, data }: RgbImage): Sharp {
  return sharp(data, { raw: { width, height, channels: 3 } });
}
