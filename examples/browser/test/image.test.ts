import { expect, it } from 'vitest';
import { psnr, withUnchanged } from '../page/image.js';

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

it('keeps the pixels of an original where no token has changed', () => {
  const image = { height: 2, width: 4, channels: 1, layout: 'NHWC', dtype: 'float32', range: [0, 1] } as const;
  const [original, decoded] = [new Float32Array(8), new Float32Array(8).fill(1)];
  const kept = withUnchanged(decoded, original, { image, grid: [1, 2] }, (position) => position === 1);
  expect([...kept]).toEqual([0, 0, 1, 1, 0, 0, 1, 1]);
});
