import { expect, it } from 'vitest';
import { firstImages, type HostImages } from '../src/index.js';

it('firstImages takes as many as there are, and shares their memory', () => {
  const images: HostImages = { data: Float32Array.from({ length: 12 }, (_, index) => index), shape: [3, 1, 2, 2] };
  const two = firstImages(images, 2);
  expect(two).toEqual({ data: images.data.slice(0, 8), shape: [2, 1, 2, 2] });
  expect(two.data.buffer).toBe(images.data.buffer);
  expect(firstImages(images, 5)).toEqual(images);
});
