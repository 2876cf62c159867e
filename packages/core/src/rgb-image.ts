import type { HostImages } from './batches.js';
import { formatShape } from './checks.js';
import { ShapeError } from './errors.js';
import { assertChannelsLast } from './image-checks.js';

/** An RGB image in host memory with 8 bits a channel, stored row by row. */
export interface RgbImage {
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** Red, green and blue of each pixel: `height * width * 3` values. */
  readonly data: Uint8Array;
}

/**
 * Converts float images to 8 bits a channel. Values are clamped to [0, 1]; NaN becomes 0. Grey
 * images repeat their channel.
 * @param images  `[B, H, W, C]`, with C being 1 (grey) or 3
 * @throws {ShapeError} for another number of channels, and unless the values fill the shape
 */
export function toRgbImages({ data: values, shape }: HostImages): RgbImage[] {
  const [count, height, width, channels] = shape;
  const pixels = height * width;
  if (values.length !== count * pixels * channels || (channels !== 1 && channels !== 3)) {
    assertChannelsLast(shape, 'toRgbImages');
    throw new ShapeError({
      where: 'toRgbImages',
      expected: 'images [B, H, W, 1] or [B, H, W, 3] with as many values as their shape says',
      got: `${formatShape(shape)} with ${values.length} values`,
    });
  }
  return Array.from({ length: count }, (_, index) => {
    const start = index * pixels * channels;
    const data = new Uint8ClampedArray(pixels * 3); // clamps, rounds, and turns NaN into 0
    for (let position = 0; position < data.length; position++) {
      const source = channels === 3 ? position : Math.floor(position / 3);
      data[position] = values[start + source]! * 255;
    }
    return { width, height, data: new Uint8Array(data.buffer) };
  });
}

/**
 * Throws unless the image has at least one pixel and as many values as its size says.
 * @throws {ShapeError}
 */
export function assertRgbImage({ width, height, data }: RgbImage, where: string): void {
  if (width > 0 && height > 0 && Number.isInteger(width) && data.length === width * height * 3) return;
  throw new ShapeError({
    where,
    expected: 'height x width x 3 values of at least one pixel',
    got: `${data.length} values for ${height} x ${width}`,
  });
}
