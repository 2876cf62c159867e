import { readImages } from '@vitvq/data';
import { describe, expect, it } from 'vitest';
import { imageRange } from '@vitvq/example-shared';
import { SMOKE } from '../src/config.js';
import { openImages, openViews } from '../src/data.js';

const settings = { model: 'gpt', seed: 0, minutes: 15, smoke: true, precision: 'float32' } as const;
const { imageSize } = SMOKE;

describe('openImages', () => {
  it('gives sets without an image in common', async () => {
    const { train, probe, test } = await openImages(settings);
    const pictures: string[] = [];
    for (const source of [train, probe, test]) {
      const { data, shape } = await readImages(source, { imageSize });
      const values = imageSize ** 2 * 3;
      for (let image = 0; image < shape[0]; image++) {
        pictures.push(data.subarray(image * values, (image + 1) * values).join());
      }
    }
    expect(pictures).toHaveLength(SMOKE.trainImages + SMOKE.probeImages + SMOKE.testImages);
    expect(new Set(pictures).size).toBe(pictures.length);
  });
});

describe('openViews', () => {
  it('mirrors every image in the second pass, wherever it begins', async () => {
    const source = imageRange((await openImages(settings)).train, 0, 5);
    const stream = openViews(source, { imageSize, batchSize: 3, startAt: 0 });
    expect(stream.batchesPerEpoch).toBe(2);
    const batches = [await stream.next(), await stream.next(), await stream.next(), await stream.next()];
    await stream.close();
    const later = openViews(source, { imageSize, batchSize: 3, startAt: 3 });
    expect(await later.next()).toEqual(batches[3]);
    await later.close();

    for (const [plain, mirrored] of [
      [batches[0]!, batches[2]!],
      [batches[1]!, batches[3]!],
    ] as const) {
      expect(mirrored.indices).toEqual(plain.indices);
      expect(mirrored.labels).toEqual(plain.labels);
      const at = (images: Float32Array, image: number, y: number, x: number) => {
        const from = ((image * imageSize + y) * imageSize + x) * 3;
        return [...images.subarray(from, from + 3)];
      };
      for (const [image, y, x] of [
        [0, 0, 0],
        [1, 7, 3],
        [2, 15, 15],
      ] as const) {
        expect(at(mirrored.images, image, y, x)).toEqual(at(plain.images, image, y, imageSize - 1 - x));
      }
      expect(mirrored.images).not.toEqual(plain.images);
    }
  });
});
