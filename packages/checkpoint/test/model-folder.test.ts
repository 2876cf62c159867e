import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError, type HostTensor } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import { openModel, readSafetensors, writeModel } from '../src/index.js';

let root: string;
it.beforeEach(({ temporaryFolder }) => void (root = temporaryFolder));
const description = { type: 'vq-tokenizer', config: { imageSize: 32, sizes: [1, 2] }, metadata: { licence: 'MIT' } };
const tensors = new Map<string, HostTensor>([
  ['encoder.weight', { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
  ['codes', { shape: [2], data: Int32Array.of(7, -8) }],
  ['bias', { shape: [3], data: Float32Array.of(-1, 0, 1) }],
]);
const other = new Map<string, HostTensor>([['bias', { shape: [1], data: Float32Array.of(5) }]]);

let count = 0;
const newFolder = (): string => join(root, `model-${count++}`, 'inside');

async function contentOf(folder: string): Promise<unknown> {
  const opened = await openModel(folder);
  const values = new Map<string, HostTensor>();
  for (const entry of opened.entries) values.set(entry.name, await opened.read(entry));
  await opened.close();
  expect(opened.folder).toBe(folder);
  const { type, config, metadata } = opened;
  return { type, config, metadata, values: new Map([...values].sort(([a], [b]) => a.localeCompare(b))) };
}

const sorted = new Map([...tensors].sort(([a], [b]) => a.localeCompare(b)));

describe('writeModel and openModel', () => {
  it('write a folder in the layout of model hubs and read it', async () => {
    const folder = newFolder();
    await writeModel(folder, description, tensors);
    expect((await fs.readdir(folder)).sort()).toEqual(['config.json', 'model.safetensors']);
    expect(JSON.parse(await fs.readFile(join(folder, 'config.json'), 'utf8'))).toEqual(description);
    expect((await readSafetensors(join(folder, 'model.safetensors'))).tensors).toEqual(tensors);
    expect(await contentOf(folder)).toEqual({ ...description, values: sorted });
  });

  it('use several files and an index beyond a size', async () => {
    const folder = newFolder();
    await writeModel(folder, description, tensors, { maximumShardBytes: 20 });
    expect((await fs.readdir(folder)).sort()).toEqual([
      'config.json',
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
    ]);
    const index = JSON.parse(await fs.readFile(join(folder, 'model.safetensors.index.json'), 'utf8')) as object;
    expect(index).toEqual({
      metadata: { total_size: 44 },
      weight_map: {
        'encoder.weight': 'model-00001-of-00002.safetensors',
        codes: 'model-00002-of-00002.safetensors',
        bias: 'model-00002-of-00002.safetensors',
      },
    });
    expect(await contentOf(folder)).toEqual({ ...description, values: sorted });
  });

  it.each([
    [20, 20],
    [20, 1000],
    [1000, 20],
    [1000, 1000],
  ])('replace a model of %i bytes a file by one of %i, and leave nothing of it', async (first, second) => {
    const folder = newFolder();
    await writeModel(folder, { type: 'gpt', config: null }, new Map([...tensors, ...other]), {
      maximumShardBytes: first,
    });
    await fs.writeFile(join(folder, 'README.md'), 'ours');
    await writeModel(folder, description, tensors, { maximumShardBytes: second });
    expect(await contentOf(folder)).toEqual({ ...description, values: sorted });
    expect(await fs.readdir(folder)).toHaveLength(second === 20 ? 5 : 3);
  });

  it.each([20, 1000])(
    'leave the model that was there when the tensors cannot be read (%i bytes a file)',
    async (bytes) => {
      const folder = newFolder();
      await writeModel(folder, description, tensors, { maximumShardBytes: bytes });
      const files = await fs.readdir(folder);
      const source = {
        tensors: [...tensors].map(([name, { shape }]) => ({ name, shape, dtype: 'float32' as const })),
        read: (name: string) =>
          name === 'bias'
            ? Promise.reject(new Error('gone'))
            : Promise.resolve({ ...tensors.get(name)!, data: new Float32Array(name === 'codes' ? 2 : 6) }),
      };
      await expect(writeModel(folder, { type: 'x', config: {} }, source, { maximumShardBytes: bytes })).rejects.toThrow(
        'gone',
      );
      expect(await fs.readdir(folder)).toEqual(files);
      expect(await contentOf(folder)).toEqual({ ...description, values: sorted });
    },
  );

  it('take the metadata of the safetensors file where config.json has none', async () => {
    const folder = newFolder();
    await writeModel(folder, { type: 'gpt', config: [1] }, tensors);
    expect(await contentOf(folder)).toEqual({ type: 'gpt', config: [1], metadata: {}, values: sorted });
  });
});

describe('writeModel refuses', () => {
  it.each([
    [
      'a config that JSON cannot hold',
      { type: 'x', config: { a: [NaN] } },
      'expected config.a[0] to be something that JSON holds, got NaN.',
    ],
    ['no type', { type: '', config: {} }, 'writeModel: expected type to be a word, got "".'],
  ])('%s', async (_, wrong, message) => {
    await expect(writeModel(newFolder(), wrong, tensors)).rejects.toThrow(message);
  });
});

describe('openModel refuses', () => {
  it.each([
    ['', 'expected a config in JSON'],
    ['[]', 'expected a config that is an object, got []'],
    ['{}', 'expected type to be a word that names the kind of model, got nothing.'],
    ['{"type":3,"config":{}}', 'names the kind of model, got 3.'],
    ['{"type":"x"}', 'expected config, got none'],
    ['{"type":"x","type":"y","config":{}}', 'expected names that differ, got "type" twice.'],
    ['{"type":"x","config":{"__proto__":{"a":1}}}', 'expected names other than __proto__, got that name.'],
    ['{"type":"x","config":{},"metadata":{"a":1}}', 'expected metadata of strings by name, got {"a":1}.'],
    [`{"type":"x","config":${'['.repeat(1000)}`, 'expected a config nested 64 deep, got a deeper one.'],
    [' '.repeat(33 * 2 ** 20), 'expected a config of at most 33554432 bytes, got 34603008.'],
  ])('config.json %#', async (text, message) => {
    const folder = newFolder();
    await writeModel(folder, description, tensors);
    await fs.writeFile(join(folder, 'config.json'), text);
    const opening = openModel(folder);
    await expect(opening).rejects.toMatchObject({ name: 'DataError', where: join(folder, 'config.json') });
    await expect(opening).rejects.toThrow(message);
  });

  it('a folder that is not there, has no config.json or no tensors', async () => {
    const folder = newFolder();
    await expect(openModel(folder)).rejects.toThrow(`${folder}: expected a model's folder`);
    await writeModel(folder, description, tensors);
    await expect(openModel(join(folder, 'config.json'))).rejects.toThrow('expected a folder');
    await fs.rm(join(folder, 'model.safetensors'));
    await expect(openModel(folder)).rejects.toThrow(
      'expected model.safetensors or model.safetensors.index.json, got neither',
    );
    await fs.writeFile(join(folder, 'model.safetensors'), 'x');
    await expect(openModel(folder)).rejects.toThrow(DataError);
    await fs.rm(join(folder, 'config.json'));
    await expect(openModel(folder)).rejects.toThrow('got one without config.json. config.json is written last');
  });
});
