import { expect, it } from 'vitest';
import { psnr } from '../page/image.js';

it('measures PSNR as a page shows it', () => {
  const image = Float32Array.of(0.2, 0.4, 0.6, 0.8);
  expect(
    psnr(
      image,
      image.map((value) => value + 0.1),
    ),
  ).toBeCloseTo(20, 3);
  expect(psnr(image, Float32Array.of(0.4, 0.4, 0.6, 0.8))).toBeCloseTo(20, 3);
  expect(psnr(image, image)).toBe(Infinity);
});
