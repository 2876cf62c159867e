import { assertImages, DataError, elementCount, formatShape, ShapeError, type HostImages } from '@vitvq/core';
import type { Channel } from '../internal/structural-similarity.js';

/**
 * Throws unless two sets are images of one shape, the first in [0, 1] and the second finite.
 * @throws {ShapeError} @throws {DataError}
 */
export function assertImagePairs(originals: HostImages, reconstructions: HostImages, where: string): void {
  assertImages(originals, `${where}, originals`);
  const { shape, data } = reconstructions;
  if (formatShape(shape) !== formatShape(originals.shape) || data.length !== originals.data.length) {
    const expected = `reconstructions of the shape of the originals, ${formatShape(originals.shape)}`;
    throw new ShapeError({ where, expected, got: `${data.length} values for ${formatShape(shape)}` });
  }
  const wrong = data.findIndex((value) => !Number.isFinite(value));
  if (wrong < 0) return;
  const image = Math.floor(wrong / elementCount(shape.slice(1)));
  throw new DataError({ where, expected: 'finite pixel values', got: `${data[wrong]} in image ${image}` });
}

/** Returns the channels of one image of a batch. */
export function channelsOf({ data, shape }: HostImages, image: number): Channel[] {
  const [, height, width, channels] = shape;
  const begin = image * height * width * channels;
  return Array.from({ length: channels }, (_, channel) => ({
    height,
    width,
    values: Float64Array.from({ length: height * width }, (_pixel, at) => data[begin + at * channels + channel]!),
  }));
}
