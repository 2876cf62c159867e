import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { expect } from 'vitest';
import type { ImageDataset } from '../src/index.js';

/** Path of a sample that `make-samples.py` has made. */
export const sampleFile = (name: string): string => fileURLToPath(new URL(`./samples/${name}`, import.meta.url));

/** Bytes of a sample. */
export const sampleBytes = (name: string): Promise<Buffer> => readFile(sampleFile(name));

/** Checks that the images of a source are the samples of these numbers, as encoded bytes. */
export async function expectSamples(source: ImageDataset, numbers: readonly number[]): Promise<void> {
  expect(source.length).toBe(numbers.length);
  for (const [index, number] of numbers.entries()) {
    const image = await source.read(index);
    const bytes = 'bytes' in image ? image.bytes : new Uint8Array(0);
    const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([12, 10]);
    expect([...data.subarray(0, 3)]).toEqual([(40 * number) % 256, 255 - ((40 * number) % 256), 20 * number]);
  }
}
