import { join } from 'node:path';
import { DataError, foldIn, randomBits, randomKey } from '@vitvq/core';
import { testImageSource } from '@vitvq/test-utils';
import { describe, expect, it } from 'vitest';
import { createBatches, openDataSource, subset } from '../src/index.js';
import { folderOf } from './images.js';
import { expectSamples, sampleBytes, sampleFile } from './samples.js';

const quiet = { onSkip: (): void => undefined };
const bytes = await sampleBytes('lsun.mdb');
const numbers = Array.from({ length: 40 }, (_, index) => index % 8);

testImageSource({
  name: 'lmdb',
  create: () => openDataSource({ kind: 'lmdb', path: sampleFile('lsun.mdb'), limit: 5 }),
  createBatches,
});

describe('lmdb', () => {
  it('reads all images in order of their keys, on pages of their own too', async () => {
    const path = join(await folderOf({ 'bedroom_train_lmdb/data.mdb': bytes }), 'bedroom_train_lmdb');
    const source = await openDataSource({ kind: 'lmdb', path });
    await expectSamples(source, numbers);
    expect(source.classNames).toEqual(['bedroom']);
    expect(source.nameOf!(39)).toBe(`bedroom/${'0'.repeat(38)}39`);
    const large = await source.read(39);
    expect('bytes' in large && large.bytes.length).toBeGreaterThan(6000);
  });

  it('takes each database as a class', async () => {
    const folder = await folderOf({ 'church_val_lmdb/data.mdb': bytes, 'tower.mdb': bytes });
    const lines: string[] = [];
    const source = await openDataSource(
      { kind: 'lmdb', path: ['church_val_lmdb', 'tower.mdb'], limit: 42 },
      { baseDirectory: folder, onProgress: (line) => lines.push(line) },
    );
    expect(source.classNames).toEqual(['church', 'tower']);
    expect([...source.labels.subarray(38)]).toEqual([0, 0, 1, 1]);
    expect(lines).toEqual(['church: 40 images indexed', 'tower: 40 images indexed']);
  });

  it('says what is no database, and which format is not read', async () => {
    const other = Buffer.from(bytes);
    other.writeUInt32LE(2, 20);
    const path = await folderOf({ 'text.mdb': 'text', 'other.mdb': other, 'good.mdb': bytes });
    const paths = ['text.mdb', 'other.mdb', 'missing', 'good.mdb'];
    const source = await openDataSource({ kind: 'lmdb', path: paths }, { baseDirectory: path, ...quiet });
    expect(source.length).toBe(40);
    expect(source.skipped).toEqual([
      { name: 'text.mdb', reason: 'it cannot be read: something else' },
      { name: 'other.mdb', reason: 'it cannot be read: version 2 of the format' },
      { name: 'missing', reason: 'it cannot be read: no such file or directory (ENOENT)' },
    ]);
    const strict = openDataSource({ kind: 'lmdb', path: paths, strict: true }, { baseDirectory: path });
    await expect(strict).rejects.toThrow('text.mdb (it cannot be read: something else)');
    const empty = openDataSource({ kind: 'lmdb', path: sampleFile('lsun-empty.mdb') });
    await expect(empty).rejects.toBeInstanceOf(DataError);
    await expect(empty).rejects.toThrow('expected at least one usable image, got none');
  });

  it('names damaged pages and reads the others', async () => {
    const page = 4096;
    const leaves = Array.from({ length: bytes.length / page }, (_, number) => number).filter(
      (number) => number > 1 && (bytes.readUInt16LE(number * page + 10) & 2) !== 0,
    );
    expect(leaves.length).toBeGreaterThan(1);
    const damaged = Buffer.from(bytes);
    damaged.fill(0xff, leaves[0]! * page, (leaves[0]! + 1) * page);
    const path = join(await folderOf({ 'x.mdb': damaged }), 'x.mdb');
    const source = await openDataSource({ kind: 'lmdb', path }, quiet);
    expect(source.skipped).toEqual([{ name: 'x.mdb', reason: `it is damaged at byte ${leaves[0]! * page}` }]);
    expect(source.length).toBeGreaterThan(0);
    expect(source.length).toBeLessThan(40);
    await expectSamples(subset(source, [0]), [Number(source.nameOf!(0).slice(-2)) % 8]);
  });

  it('never ends up in a circle or outside of the file, whatever bytes are changed', async () => {
    const outcomes = { whole: 0, damaged: 0, refused: 0 };
    for (let round = 0; round < 60; round++) {
      const damaged = Buffer.from(bytes);
      // Three changes in the headers and the tree, and now and then an end that is cut off.
      const draws = randomBits(foldIn(randomKey(3), round), 9);
      for (let change = 0; change < 3; change++) {
        const page = draws[change]! % (bytes.length / 4096);
        damaged[page * 4096 + (draws[change + 3]! % 200)] = draws[change + 6]! % 256;
      }
      const length = damaged.length - (round % 3) * 5000;
      const path = join(await folderOf({ 'x.mdb': damaged.subarray(0, length) }), 'x.mdb');
      try {
        const { skipped } = await openDataSource({ kind: 'lmdb', path }, quiet);
        outcomes[skipped.length ? 'damaged' : 'whole']++;
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
        outcomes.refused++;
      }
    }
    expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(3);
  });
});
