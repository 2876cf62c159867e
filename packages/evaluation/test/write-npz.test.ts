import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, expect, it } from 'vitest';
import { DataError, ShapeError } from '@vitvq/core';
import { writeNpz } from '../src/index.js';

const folder = mkdtempSync(join(tmpdir(), 'npz-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Returns header and values of an array of the format .npy, version 1.0. */
function readNpy(bytes: Uint8Array): { header: string; start: number; values: Uint8Array } {
  expect(Array.from(bytes.subarray(0, 8))).toEqual([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  const start = 10 + bytes[8]! + 256 * bytes[9]!;
  return { header: new TextDecoder().decode(bytes.subarray(10, start)), start, values: bytes.slice(start) };
}

const shape = [3, 5, 4, 3] as const;
const data = Uint8Array.from({ length: 180 }, (_, at) => (7 * at) % 256);

it('writes images and labels, in memory or in parts, as the same bytes', async () => {
  const [whole, inParts] = ['whole.npz', 'parts.npz'].map((name) => join(folder, name));
  await writeNpz(whole!, { data, shape }, { labels: [4, 0, 1000] });
  async function* parts(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < 180; at += 50) yield data.slice(at, at + 50);
  }
  await writeNpz(inParts!, { data: parts(), shape }, { labels: Int32Array.of(4, 0, 1000) });
  expect(readFileSync(inParts!)).toEqual(readFileSync(whole!));
  const entries = unzipSync(readFileSync(whole!));
  expect(Object.keys(entries)).toEqual(['arr_0.npy', 'arr_1.npy']);
  const images = readNpy(entries['arr_0.npy']!);
  expect(images.header.trimEnd()).toBe("{'descr': '|u1', 'fortran_order': False, 'shape': (3, 5, 4, 3), }");
  expect(images.header.endsWith('\n')).toBe(true);
  expect(images.start % 64).toBe(0);
  expect(images.values).toEqual(data);
  const labels = readNpy(entries['arr_1.npy']!);
  expect(labels.header).toContain("'descr': '<i8', 'fortran_order': False, 'shape': (3,)");
  expect(Array.from(new BigInt64Array(labels.values.buffer))).toEqual([4n, 0n, 1000n]);
});

it('leaves nothing behind where values or labels do not fit', async () => {
  const file = join(folder, 'wrong.npz');
  const write = (values: Uint8Array, labels?: number[]): Promise<void> =>
    writeNpz(file, { data: values, shape }, { labels });
  await expect(write(data.slice(1))).rejects.toThrow(ShapeError);
  await expect(write(data.slice(1))).rejects.toThrow('expected 180 bytes, as many as the shape says, got 179.');
  await expect(write(new Uint8Array(181))).rejects.toThrow('got more.');
  await expect(write(data, [1])).rejects.toThrow('expected 3 labels, one an image, got 1.');
  await expect(write(data, [1, 2, 0.5])).rejects.toThrow('expected labels to be integers, got 0.5 for image 2.');
  await expect(writeNpz(file, { data, shape: [3, 60] as never })).rejects.toThrow('images of shape [N, H, W, C]');
  await expect(writeNpz(join(folder, 'no', 'x.npz'), { data, shape })).rejects.toThrow(DataError);
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield data.slice(0, 9);
    throw new Error('no more samples');
  }
  await expect(writeNpz(file, { data: failing(), shape })).rejects.toThrow('no more samples');
  expect(readdirSync(folder).sort()).toEqual(['parts.npz', 'whole.npz']);
});
