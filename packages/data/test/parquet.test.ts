import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DataError, foldIn, permutation, randomBits, randomKey } from '@vitvq/core';
import { testImageSource } from '@vitvq/test-utils';
import { describe, expect, it } from 'vitest';
import {
  createBatches,
  openDataSource,
  readImages,
  subset,
  type DataSourceConfig,
  type ImageDataset,
} from '../src/index.js';
import { shuffledOrder } from '../src/internal/stretches.js';
import { folderOf } from './images.js';
import { expectSamples, sampleBytes, sampleFile } from './samples.js';
import { numbered } from './take-batches.js';

const quiet = { onSkip: (): void => undefined };
const hub: DataSourceConfig = { kind: 'parquet', paths: sampleFile('hub.parquet') };

testImageSource({
  name: 'parquet',
  create: () => openDataSource({ ...hub, range: [0, 3] }, quiet),
  createBatches,
});

describe('parquet', () => {
  it('reads images, labels with their names, and captions as hubs store them', async () => {
    const source = await openDataSource({ ...hub, captionColumn: 'caption' }, quiet);
    expect(source.classNames).toEqual(['ant', 'bee', 'cow']);
    expect([...source.labels]).toEqual([0, 1, 2, 0, 2, 0, 1]);
    expect(source.captions![4]).toBe('picture 5');
    expect(source.skipped).toEqual([{ name: 'hub.parquet/4', reason: 'it has no label' }]);
    await expectSamples(subset(source, [0, 1, 2, 3, 5, 6]), [0, 1, 2, 3, 6, 7]);
    // Row 5 has no bytes, which only its column of images tells.
    const skipped: unknown[] = [];
    await readImages(source, { imageSize: 8, workers: 0, onSkip: (image) => skipped.push(image) });
    expect(skipped).toEqual([{ name: 'hub.parquet/5', reason: 'it has no bytes' }]);
    await expect(openDataSource({ ...hub, strict: true })).rejects.toThrow('hub.parquet/4 (it has no label)');
  });

  it('reads plain bytes, labels that are names, and several captions', async () => {
    const config: DataSourceConfig = {
      kind: 'parquet',
      paths: sampleFile('plain.parquet'),
      imageColumn: 'jpg',
      labelColumn: 'name',
      captionColumn: 'texts',
    };
    const source = await openDataSource(config, quiet);
    expect(source.classNames).toEqual(['cat', 'dog', 'emu']);
    expect([...source.labels]).toEqual([1, 0, 1, 2]);
    expect(source.captions).toEqual([['one', 'two'], 'three', 'four', 'five']);
    await expectSamples(source, [0, 1, 2, 3]);
    const listed = await openDataSource({ ...config, classes: ['emu', 'dog', 'cat'] }, quiet);
    expect([...listed.labels]).toEqual([1, 2, 1, 0]);
    const { labels } = await openDataSource({ ...config, labelColumn: undefined }, quiet);
    expect([...labels]).toEqual([0, 0, 0, 0]);
  });

  it('says which columns there are', async () => {
    const attempt = openDataSource({ ...hub, imageColumn: 'img' });
    await expect(attempt).rejects.toBeInstanceOf(DataError);
    await expect(attempt).rejects.toThrow('expected a column img, got only image, label, caption');
  });

  it('names damaged files, and refuses them with strict', async () => {
    const bytes = await sampleBytes('plain.parquet');
    const paths = await folderOf({
      'a.parquet': bytes,
      'cut.parquet': bytes.subarray(0, 900),
      'text.parquet': 'text',
      'other.txt': '',
    });
    const config: DataSourceConfig = { kind: 'parquet', paths, imageColumn: 'jpg', labelColumn: 'name' };
    const lines: string[] = [];
    const source = await openDataSource(config, { ...quiet, onProgress: (line) => lines.push(line) });
    await expectSamples(source, [0, 1, 2, 3]);
    expect(source.skipped.map(({ name }) => name)).toEqual(['cut.parquet', 'text.parquet']);
    expect(source.skipped[0]!.reason).toMatch(/^it cannot be read: /);
    expect(lines.at(-1)).toBe('3 of 3 files indexed');
    await expect(openDataSource({ ...config, strict: true })).rejects.toThrow('cut.parquet');
  });

  it('names the images of a row group whose pages are damaged', async () => {
    const bytes = await sampleBytes('plain.parquet');
    // Behind the magic number lies the first page: the images of the first row group.
    bytes.fill(0xff, 40, 120);
    const paths = join(await folderOf({ 'x.parquet': bytes }), 'x.parquet');
    const source = await openDataSource({ kind: 'parquet', paths, imageColumn: 'jpg' });
    const skipped: string[] = [];
    const onSkip = ({ name, reason }: { name: string; reason: string }): unknown => skipped.push(`${name}: ${reason}`);
    expect((await readImages(source, { imageSize: 8, workers: 0, onSkip })).shape[0]).toBe(2);
    expect(skipped).toEqual([
      expect.stringMatching(/^x\.parquet\/0: it cannot be read: /),
      expect.stringMatching(/^x\.parquet\/1: it cannot be read: /),
    ]);
  });

  it('refuses row groups with other columns than the schema', async () => {
    const bytes = await sampleBytes('plain.parquet');
    // The path of the column in the second row group.
    const at = bytes.lastIndexOf('jpg', bytes.lastIndexOf('ARROW:schema'));
    expect(at).toBeGreaterThan(bytes.indexOf('jpg'));
    bytes.write('jpX', at);
    const paths = join(await folderOf({ 'x.parquet': bytes }), 'x.parquet');
    await expect(openDataSource({ kind: 'parquet', paths, imageColumn: 'jpg', labelColumn: 'name' })).rejects.toThrow(
      'it cannot be read: columns that do not fit the schema',
    );
  });

  it('never fills the memory or hangs, whatever bytes are changed', async () => {
    const bytes = await sampleBytes('plain.parquet');
    const outcomes = { opened: 0, refused: 0 };
    for (let round = 0; round < 30; round++) {
      const damaged = Buffer.from(bytes);
      const draws = randomBits(foldIn(randomKey(8), round), 4);
      // Half of the changes are in the metadata at the end.
      const at = round % 2 ? draws[0]! % bytes.length : bytes.length - 1200 + (draws[0]! % 1190);
      damaged[at] = draws[1]! % 256;
      damaged[(at + 1) % bytes.length] = draws[2]! % 256;
      const paths = join(await folderOf({ 'x.parquet': damaged }), 'x.parquet');
      try {
        const source = await openDataSource({ kind: 'parquet', paths, imageColumn: 'jpg', labelColumn: 'name' }, quiet);
        expect(source.length).toBeLessThanOrEqual(bytes.length);
        await readImages(source, { imageSize: 8, workers: 0, ...quiet });
        outcomes.opened++;
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
        outcomes.refused++;
      }
    }
    expect(Math.min(outcomes.opened, outcomes.refused)).toBeGreaterThan(3);
  });

  it('reads a file on the web', async () => {
    const bytes = await sampleBytes('plain.parquet');
    const server = createServer((request, response) => {
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range!)!;
      const part = bytes.subarray(Number(first), Number(last) + 1);
      response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${bytes.length}` }).end(part);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const paths = `http://127.0.0.1:${(server.address() as AddressInfo).port}/plain.parquet`;
      await expectSamples(await openDataSource({ kind: 'parquet', paths, imageColumn: 'jpg' }), [0, 1, 2, 3]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe('stretches of images that are read together', () => {
  it('are the row groups, also in a part of the source', async () => {
    const source = await openDataSource({ ...hub }, quiet);
    expect([...source.stretches!.begins]).toEqual([0, 3, 5]);
    expect(source.stretches!.together).toBeGreaterThan(3);
    expect([...subset(source, [1, 2, 5, 6]).stretches!.begins]).toEqual([0, 2]);
    expect([...subset(source, [4, 4]).stretches!.begins]).toEqual([0]);
    expect(subset(source, [6, 1]).stretches).toBeUndefined();
  });

  it('are shuffled as wholes, and their images so many at once as the source keeps', () => {
    const begins = Uint32Array.of(0, 4, 8, 12, 16);
    const order = shuffledOrder(randomKey(1), 18, { begins, together: 2 });
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 18 }, (_, index) => index));
    const stretchesIn = (from: number, to: number): number[] => [
      ...new Set(Array.from(order.subarray(from, to), (image) => Math.floor(image / 4))),
    ];
    // Two whole stretches at a time, of which the short one may be one.
    const first = order.subarray(0, 8).some((image) => image >= 16) ? 6 : 8;
    expect(stretchesIn(0, first)).toHaveLength(2);
    expect(stretchesIn(0, first)).not.toEqual(stretchesIn(first, 18));
    expect(shuffledOrder(randomKey(1), 18, { begins, together: 2 })).toEqual(order);
    expect(shuffledOrder(randomKey(2), 18, { begins, together: 2 })).not.toEqual(order);
    expect(shuffledOrder(randomKey(1), 18, undefined)).toEqual(permutation(randomKey(1), 18));
  });

  it('decide the order of an epoch', async () => {
    const stretches = { begins: Uint32Array.of(0, 3), together: 1 };
    const source: ImageDataset = { ...numbered(6), stretches };
    const orders = await Promise.all(
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(async (seed) => {
        const options = { batchSize: 6, imageSize: 6, shuffle: true, key: randomKey(seed), workers: 0 } as const;
        const { indices } = await createBatches(source, options).next();
        return [...indices];
      }),
    );
    for (const order of orders) expect(new Set(order.slice(0, 3).map((index) => index < 3)).size).toBe(1);
    expect(new Set(orders.map((order) => order[0]! < 3)).size).toBe(2);
  });
});
