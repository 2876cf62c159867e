import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import { openShardedSafetensors, writeSafetensors } from '../src/index.js';
import { buildFile } from './build-file.js';

let folder: string;
let file: string;
const one = { shape: [1], data: Float32Array.of(1) };
const two = { shape: [2], data: Int32Array.of(2, 3) };
const weightMap = { 'a.weight': 'model-00001-of-00002.safetensors', 'b.steps': 'model-00002-of-00002.safetensors' };

it.beforeEach(async ({ temporaryFolder }) => {
  folder = temporaryFolder;
  file = join(folder, 'model.safetensors.index.json');
  await writeSafetensors(join(folder, weightMap['a.weight']), new Map([['a.weight', one]]), { format: 'pt' });
  await writeSafetensors(
    join(folder, weightMap['b.steps']),
    new Map<string, typeof one | typeof two>([
      ['b.steps', two],
      ['more', one],
    ]),
  );
});

it('reads tensors of several files as of one', async () => {
  // In the layout of huggingface_hub, a number is among the metadata.
  await fs.writeFile(file, JSON.stringify({ metadata: { total_size: 12, by: 'us' }, weight_map: weightMap }));
  const opened = await openShardedSafetensors(file);
  expect(opened).toMatchObject({ file, metadata: { by: 'us' } });
  expect(opened.entries.map(({ name, shape }) => [name, shape])).toEqual([
    ['a.weight', [1]],
    ['b.steps', [2]],
  ]);
  expect(await opened.read(opened.entries[0]!)).toEqual(one);
  expect(await opened.read(opened.entries[1]!)).toEqual(two);
  expect(await opened.readBytes(opened.entries[1]!)).toEqual(Uint8Array.of(2, 0, 0, 0, 3, 0, 0, 0));
  await opened.close();
});

describe('refuses', () => {
  it.each([
    ['', 'an index in JSON'],
    ['{"weight_map":', 'The file is damaged or was cut off.'],
    ['[]', 'expected an index that is an object, got []'],
    ['{}', 'expected weight_map to be an object, got nothing'],
    ['{"weight_map":{},"metadata":3}', 'expected metadata to be an object, got 3'],
    ['{"weight_map":{"x":1}}', 'for tensor "x", got 1'],
    ['{"weight_map":{"x":"a.safetensors","x":"b.safetensors"}}', 'got "x" twice'],
    [
      JSON.stringify({
        weight_map: Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [index, `${index}.safetensors`])),
      }),
      'at most 10000 files, got more',
    ],
    ['{"weight_map":{"__proto__":"a.safetensors"}}', 'names other than __proto__'],
    ['['.repeat(100), 'an index nested 8 deep'],
    ...['../x.safetensors', '/etc/x.safetensors', 'a/x.safetensors', 'a\\x.safetensors', 'C:\\x.safetensors', '..', '']
      .concat(['x.bin', '.safetensors\u0000'])
      .map((name) => [JSON.stringify({ weight_map: { x: name } }), 'a *.safetensors file of the same folder']),
  ])('the index %s', async (text, message) => {
    await fs.writeFile(file, text);
    await expect(openShardedSafetensors(file)).rejects.toThrow(DataError);
    await expect(openShardedSafetensors(file)).rejects.toMatchObject({ where: file });
    await expect(openShardedSafetensors(file)).rejects.toThrow(message);
  });

  it('other bytes than text', async () => {
    await fs.writeFile(file, Uint8Array.of(0xff, 0xfe));
    await expect(openShardedSafetensors(file)).rejects.toThrow(`${file}: expected an index in JSON`);
  });

  it('an index that is not there', async () => {
    await expect(openShardedSafetensors(join(folder, 'none.json'))).rejects.toThrow(
      'none.json: expected an index that can be read, got no such file or directory (ENOENT).',
    );
  });

  it('a file that is missing, damaged, or lacks a tensor, by its name', async () => {
    await fs.writeFile(join(folder, 'cut.safetensors'), buildFile({}, new Uint8Array(3)));
    for (const [shard, message] of [
      ['missing.safetensors', 'no such file or directory (ENOENT)'],
      ['cut.safetensors', 'The file has bytes of no tensor.'],
      [weightMap['b.steps'], 'expected tensor "a.weight", which the index lists, got none of that name.'],
    ] as const) {
      await fs.writeFile(file, JSON.stringify({ weight_map: { ...weightMap, 'a.weight': shard } }));
      await expect(openShardedSafetensors(file)).rejects.toMatchObject({ where: join(folder, shard) });
      await expect(openShardedSafetensors(file)).rejects.toThrow(message);
    }
  });
});
