import { basename, dirname } from 'node:path';
import { ConfigError, DataError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  createBatches,
  dataSourceSchema,
  openDataSource,
  openImageFolder,
  sourceFingerprint,
  type DataSourceConfig,
  type SkippedImage,
} from '../src/index.js';
import { folderOf, plain, twoClasses } from './images.js';

const png = await plain(8, 8, '#ff0000').png().toBuffer();
const quiet = { onSkip: (): void => undefined };

describe('openDataSource', () => {
  it('opens a folder as openImageFolder does, from a relative path', async () => {
    const path = await folderOf(await twoClasses(5));
    const source = await openDataSource(
      { kind: 'folder', path: basename(path) },
      { baseDirectory: dirname(path), ...quiet },
    );
    const folder = await openImageFolder(path);
    expect(source.length).toBe(5);
    expect(source.classNames).toEqual(['cats', 'dogs']);
    expect([...source.labels]).toEqual([...folder.labels]);
    expect(source.skipped).toEqual([]);
    expect(sourceFingerprint(source)).toBe(sourceFingerprint(folder));
    const batch = await createBatches(source, { batchSize: 5, imageSize: 8, workers: 0 }).next();
    expect(batch.count).toBe(5);
  });

  it('takes a range of the images, and of that the first ones', async () => {
    const path = await folderOf(await twoClasses(6));
    const names = async (more: Partial<DataSourceConfig>): Promise<string[]> => {
      const source = await openDataSource({ kind: 'folder', path, ...more } as DataSourceConfig, quiet);
      return Array.from({ length: source.length }, (_, index) => source.nameOf!(index));
    };
    const all = await names({});
    expect(await names({ range: [1, 4] })).toEqual(all.slice(1, 4));
    expect(await names({ range: [1, 4], limit: 2 })).toEqual(all.slice(1, 3));
    expect(await names({ range: [4, 99] })).toEqual(all.slice(4));
    expect(await names({ limit: 99 })).toEqual(all);
    await expect(names({ range: [6, 7] })).rejects.toThrow(
      /expected range to begin before the end of .*, which has 6 images, got 6/,
    );
    await expect(names({ range: [3, 3] })).rejects.toThrow('range is [3,3]: expected [begin, end) with begin < end');
  });

  it('keeps the labels of the training source, and names classes that it does not know', async () => {
    const training = await openDataSource({ kind: 'folder', path: await folderOf(await threeClasses()) });
    const { classNames } = training;
    expect(classNames).toEqual(['ant', 'bee', 'cow']);
    const path = await folderOf({ 'cow/1.png': png, 'ant/2.png': png, 'dog/3.png': png, 'dog/4.png': png });
    const skipped: SkippedImage[] = [];
    const heldOut = await openDataSource(
      { kind: 'folder', path },
      { classes: classNames, onSkip: (image) => skipped.push(image) },
    );
    expect([...heldOut.labels]).toEqual([0, 2]);
    expect(heldOut.classNames).toEqual(classNames);
    expect(skipped).toHaveLength(1);
    expect(skipped[0]!.name).toContain('dog');
    expect(skipped[0]!.reason).toContain('2 images');
    expect(heldOut.skipped).toEqual(skipped);
    const strict = openDataSource({ kind: 'folder', path }, { classes: classNames, strict: true });
    await expect(strict).rejects.toThrow(/dog/);
    await expect(strict).rejects.toBeInstanceOf(DataError);
    await expect(openDataSource({ kind: 'folder', path }, { classes: ['x'] })).rejects.toThrow(
      '4 images, none usable: ant (the class is not in the list',
    );
  });

  it('reports what is left out, and refuses it in strict mode of config or options', async () => {
    const path = await folderOf({ 'a/good.png': png, 'a/bad.png': 'text' });
    const skipped: SkippedImage[] = [];
    const source = await openDataSource({ kind: 'folder', path }, { onSkip: (image) => skipped.push(image) });
    expect(source.skipped.map(({ name }) => name)).toEqual(['a/bad.png']);
    expect(skipped).toEqual(source.skipped);
    await expect(openDataSource({ kind: 'folder', path, strict: true })).rejects.toThrow('a/bad.png');
    await expect(openDataSource({ kind: 'folder', path }, { strict: true })).rejects.toThrow('a/bad.png');
  });

  it('lists every problem of a config with the nearest right name', async () => {
    const wrong = { kind: 'folder', path: '', chek: 'pixels' } as unknown as DataSourceConfig;
    const attempt = openDataSource(wrong);
    await expect(attempt).rejects.toBeInstanceOf(ConfigError);
    await expect(attempt).rejects.toThrow(/2 problems: path is "".*unknown option "chek" \(did you mean "check"\?\)/);
    await expect(openDataSource({ kind: 'foldr' } as unknown as DataSourceConfig)).rejects.toThrow('kind is "foldr"');
  });

  it('stops when it is told to', async () => {
    const path = await folderOf({ 'a.png': png });
    const signal = AbortSignal.abort();
    await expect(openDataSource({ kind: 'folder', path }, { signal })).rejects.toThrow('aborted');
  });
});

it('fills in the defaults of a config', () => {
  expect(dataSourceSchema.parse({ kind: 'folder', path: 'x' })).toMatchObject({ check: 'header', minimumSize: 1 });
  expect(dataSourceSchema.parse({ kind: 'cifar10' })).toEqual({ kind: 'cifar10', split: 'train' });
});

it('is described by a JSON schema that names every kind', () => {
  const schema = z.toJSONSchema(dataSourceSchema, { io: 'input' });
  const kinds = (schema.oneOf ?? schema.anyOf)!.map(({ properties }) => (properties!.kind as { const: string }).const);
  expect(kinds).toEqual([
    ...['folder', 'cifar10', 'made-up', 'cifar-binary', 'imagenet', 'inaturalist', 'webdataset', 'parquet', 'lmdb'],
    ...['coco', 'cc3m', 'paired-folders', 'super-resolution'],
  ]);
});

async function threeClasses(): Promise<Record<string, Uint8Array>> {
  return { 'ant/1.png': png, 'bee/1.png': png, 'cow/1.png': png };
}
