import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { ConfigError, DataError, type HostTensor } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import { openModel, writeModel } from '../src/index.js';
import {
  encodeModelFiles,
  encodeSafetensors,
  openModelFiles,
  openSafetensorsBytes,
  restoreVariables,
  snapshotVariables,
  type ModelFiles,
} from '../src/memory.js';

const description = { type: 'vq-tokenizer', config: { imageSize: 32 }, metadata: { licence: 'MIT' } };
const tensors = new Map<string, HostTensor>([
  ['encoder.weight', { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
  ['codes', { shape: [2], data: Int32Array.of(7, -8) }],
]);

let root: string;
it.beforeEach(({ temporaryFolder }) => void (root = temporaryFolder));

async function filesOf(folder: string): Promise<ModelFiles> {
  const files: Record<string, Uint8Array> = {};
  for (const name of await fs.readdir(folder)) files[name] = await fs.readFile(join(folder, name));
  return files;
}

async function valuesOf(files: ModelFiles): Promise<Map<string, HostTensor>> {
  const opened = await openModelFiles(files);
  const values = new Map<string, HostTensor>();
  for (const entry of opened.entries) values.set(entry.name, await opened.read(entry));
  await opened.close();
  return values;
}

describe('a model in memory', () => {
  it.each([20, 1000])('is opened from the files of a folder with %i bytes a file', async (maximumShardBytes) => {
    const folder = join(root, 'model');
    await writeModel(folder, description, tensors, { maximumShardBytes });
    const files = await filesOf(folder);
    expect(await openModelFiles(files, 'https://example.org/model')).toMatchObject({
      folder: 'https://example.org/model',
      ...description,
    });
    expect(await valuesOf(files)).toEqual(tensors);
  });

  it('is encoded as the files that writeModel writes', async () => {
    const folder = join(root, 'model');
    await writeModel(folder, description, tensors);
    const files = encodeModelFiles(description, tensors);
    for (const [name, bytes] of Object.entries(await filesOf(folder))) {
      expect(new Uint8Array(bytes)).toEqual(files[name as keyof typeof files]);
    }
    for (const [name, bytes] of Object.entries(files)) await fs.writeFile(join(folder, name), bytes);
    await (await openModel(folder)).close();
  });

  it('sets variables and takes their values', async () => {
    const variable = tf.variable(tf.zeros([2, 3]));
    const opened = await openModelFiles(encodeModelFiles(description, tensors));
    await restoreVariables(opened, new Map([['encoder.weight', variable]]), { ignoreOthers: true });
    expect([...(await variable.data())]).toEqual([1, 2, 3, 4, 5, 6]);
    const snapshot = await snapshotVariables(new Map([['encoder.weight', variable]]));
    expect(await valuesOf(encodeModelFiles(description, snapshot))).toEqual(snapshot);
    variable.dispose();
  });

  it('shares nothing with the tensors that are read, not even in a view of a larger buffer', async () => {
    const bytes = encodeSafetensors(tensors);
    const view = Buffer.concat([Buffer.alloc(3), bytes, Buffer.alloc(5)]).subarray(3, 3 + bytes.length);
    const opened = await openSafetensorsBytes(view);
    const { data } = await opened.read(opened.entries[0]!);
    view.fill(0);
    expect(data).toEqual(tensors.get('encoder.weight')!.data);
    expect([...(await opened.readBytes(opened.entries[1]!))]).toEqual(Array(8).fill(0));
  });
});

describe('openModelFiles refuses', () => {
  const good = encodeModelFiles(description, tensors);
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  const index = (shard: string): Uint8Array => text(JSON.stringify({ weight_map: { codes: shard } }));

  it.each<[string, ModelFiles, string]>([
    ['no files', {}, "m: expected a model's folder"],
    ['no tensors', { 'config.json': good['config.json'] }, 'm: expected model.safetensors or'],
    ['a config that is no JSON', { ...good, 'config.json': text('{') }, 'm/config.json: expected a config in JSON'],
    ['a config without a type', { ...good, 'config.json': text('{}') }, 'm/config.json: expected type'],
    [
      'a config without bounds',
      { ...good, 'config.json': text(' '.repeat(33 * 2 ** 20)) },
      'm/config.json: expected a config of at most 33554432 bytes, got 34603008.',
    ],
    ['damaged tensors', { ...good, 'model.safetensors': text('x') }, 'm/model.safetensors: expected a safetensors'],
    [
      'an index of a file elsewhere',
      { 'config.json': good['config.json'], 'model.safetensors.index.json': index('../x.safetensors') },
      'Files elsewhere are not opened.',
    ],
    [
      'an index of a file that is missing',
      { 'config.json': good['config.json'], 'model.safetensors.index.json': index('x.safetensors') },
      'm/x.safetensors: expected the content of that file, got none.',
    ],
    [
      'an index of a tensor that is missing',
      {
        'config.json': good['config.json'],
        'model.safetensors.index.json': index('x.safetensors'),
        'x.safetensors': encodeSafetensors(new Map()),
      },
      'm/x.safetensors: expected tensor "codes", which the index lists, got none of that name.',
    ],
  ])('%s', async (_, files, message) => {
    await expect(openModelFiles(files, 'm')).rejects.toThrow(DataError);
    await expect(openModelFiles(files, 'm')).rejects.toThrow(message);
  });
});

it('encodeModelFiles refuses a config that JSON cannot hold', () => {
  expect(() => encodeModelFiles({ type: 'x', config: { a: NaN } }, tensors)).toThrow(ConfigError);
  expect(() => encodeModelFiles({ type: '', config: {} }, tensors)).toThrow(
    'encodeModelFiles: expected type to be a word',
  );
});
