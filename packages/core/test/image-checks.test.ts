import { expect, it } from 'vitest';
import {
  assertBatch,
  assertImages,
  assertImageValues,
  ConfigError,
  DataError,
  imageShapeAdvice,
  ShapeError,
} from '../src/index.js';

const images = (fill: number | readonly number[], shape = [2, 4, 4, 3]) => {
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
  return { data: data.map((_, index) => (typeof fill === 'number' ? fill : fill[index % fill.length]!)), shape };
};
const check = (given: unknown, rules = {}) => assertImages(given as ReturnType<typeof images>, 'here', rules);

it.each([[0], [1], [0.5], [[0, -0.001, 1.001]]])('takes images of %s', (fill) => {
  expect(() => check(images(fill))).not.toThrow();
});

it.each([
  [[0, 128, 255], 'values from 0 to 255, first in image 0. Bytes become images when they are divided by 255.'],
  [
    [-1, 1],
    'values from -1 to 1, first in image 0. Values in [-1, 1] become images by (x + 1) / 2; models scale their input themselves.',
  ],
  [
    [-2.117, 2.64],
    'values from -2.117 to 2.64, first in image 0. Models scale their input themselves: take back what was done to the pixels.',
  ],
])('names the mistake that %s stands for', (fill, got) => {
  expect(() => check(images(fill))).toThrow(DataError);
  expect(() => check(images(fill))).toThrow(`here: expected images with values in [0, 1], got ${got}`);
});

it.each([NaN, Infinity])('refuses %s unless the caller deals with it', (value) => {
  const broken = images([0.5, value]);
  expect(() => check(broken)).toThrow(`got ${value} in image 0.`);
  expect(() => check(broken, { allowNonFinite: true })).not.toThrow();
  expect(() => check(images(value), { allowNonFinite: true })).not.toThrow();
  expect(() => check(images([255, value]), { allowNonFinite: true })).toThrow('divided by 255');
});

it('names the first image that is wrong, by its position in the source where that is known', () => {
  const { data, shape } = images(0.5, [3, 4, 4, 3]);
  data[2 * 48 - 1] = NaN;
  data[2 * 48] = 255;
  expect(() => check({ data, shape })).toThrow('got NaN in image 1.');
  expect(() => check({ data, shape }, { indices: [40, 7, 12] })).toThrow('got NaN in image 7.');
  expect(() => check({ data, shape }, { allowNonFinite: true, indices: Int32Array.of(40, 7, 12) })).toThrow(
    'got values from 0.5 to 255, first in image 12. Bytes become images',
  );
  expect(() => assertImageValues(data, 96, 'here')).toThrow(
    'here: expected images with values in [0, 1], got NaN in image 0.',
  );
});

it.each([[[2, 3, 8, 8]], [[2, 1, 8, 8]]])('says of %j that channels come first', (shape) => {
  expect(() => check(images(0.5, shape))).toThrow(ShapeError);
  expect(() => check(images(0.5, shape))).toThrow('seem to be [B, C, H, W]: transpose them to [B, H, W, C].');
});

it('takes small images, and a single row of them', () => {
  for (const shape of [
    [1, 3, 3, 3],
    [1, 1, 8, 3],
    [2, 4, 4, 4],
  ]) {
    expect(() => check(images(0.5, shape))).not.toThrow();
  }
});

it.each([
  [{ data: new Float32Array(5), shape: [1, 4, 4, 3] }, ShapeError, '5 values for [1, 4, 4, 3]'],
  [{ data: new Float32Array(0), shape: [0, 4, 4, 3] }, ShapeError, '0 values for [0, 4, 4, 3]'],
  [{ data: new Float32Array(48), shape: [4, 4, 3] }, ShapeError, '48 values for [4, 4, 3]'],
  [{ images: [] }, ConfigError, 'got an object without data, shape'],
  [undefined, ConfigError, 'got undefined'],
])('refuses what are no images: %o', (given, kind, message) => {
  expect(() => check(given)).toThrow(kind);
  expect(() => check(given)).toThrow(message);
});

it('gives the advice that a wrong shape calls for', () => {
  expect(imageShapeAdvice([8, 3, 32, 32], 3)).toContain('transpose');
  expect(imageShapeAdvice([8, 64, 64, 3], 3)).toBe('Resize or crop the images to imageSize.');
  expect(imageShapeAdvice([8, 64, 64, 3], 3, 'Use larger images.')).toBe('Use larger images.');
  expect(imageShapeAdvice([8, 3, 32, 32], 3, 'Use larger images.')).toContain('transpose');
});

it.each([undefined, null, { done: true, value: undefined }])('says of %j that the source has ended', (batch) => {
  expect(() => assertBatch(batch, 7, 'here')).toThrow(DataError);
  expect(() => assertBatch(batch, 7, 'here')).toThrow('got one that ended after 7 batches. Begin the data anew');
  expect(() => assertBatch(batch, 0, 'here')).toThrow('got a source without a batch.');
});

it('tells a batch from other things', () => {
  expect(() => assertBatch({ images: [] }, 0, 'here')).not.toThrow();
  expect(() => assertBatch({ done: false, value: {} }, 0, 'here')).toThrow('Return the value itself.');
  expect(() => assertBatch(3, 0, 'here')).not.toThrow();
});
