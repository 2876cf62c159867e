import { readFile, readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, ShapeError, type HostTensor } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import {
  decodeSafetensors,
  encodeSafetensors,
  openSafetensors,
  readSafetensors,
  writeSafetensors,
} from '../src/index.js';

let folder: string;
it.beforeEach(({ temporaryFolder }) => void (folder = temporaryFolder));

const sample = new Map<string, HostTensor>([
  ['b.weight', { shape: [2, 3], data: Float32Array.of(1, -2.5, 3e-40, Infinity, NaN, -0) }],
  ['a.step', { shape: [], data: Int32Array.of(-7) }],
  ['7', { shape: [0, 4], data: new Float32Array() }],
  ['naïve "名"', { shape: [1], data: Int32Array.of(2 ** 31 - 1) }],
]);

describe('round trip', () => {
  it('keeps names, order, shapes, bits and metadata in memory', () => {
    const { tensors, metadata } = decodeSafetensors(encodeSafetensors(sample, { note: 'line\n"quoted" é' }));
    expect([...tensors]).toEqual([...sample]);
    expect(Object.is(tensors.get('b.weight')!.data[5], -0)).toBe(true);
    expect(metadata).toEqual({ note: 'line\n"quoted" é' });
  });

  it('keeps them in a file, which equals the bytes in memory', async () => {
    const file = join(folder, 'sample.safetensors');
    await writeSafetensors(file, sample, { a: '1' });
    expect(new Uint8Array(await readFile(file))).toEqual(encodeSafetensors(sample, { a: '1' }));
    expect([...(await readSafetensors(file)).tensors]).toEqual([...sample]);
  });

  it('writes the layout of the format: length, padded JSON header, data at a multiple of 8', () => {
    const bytes = encodeSafetensors(new Map([['x', { shape: [2], data: Float32Array.of(1, 2) }]]));
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = new TextDecoder().decode(bytes.subarray(8, 8 + length));
    expect(header).toBe('{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'.padEnd(length, ' '));
    expect((8 + length) % 8).toBe(0);
    expect([...new Float32Array(bytes.slice(8 + length).buffer)]).toEqual([1, 2]);
  });

  it('takes a view of a larger buffer and values of an empty file', () => {
    const view = new Float32Array([9, 1, 2, 9]).subarray(1, 3);
    const bytes = encodeSafetensors(new Map([['x', { shape: [2], data: view }]]));
    expect([...decodeSafetensors(bytes).tensors.get('x')!.data]).toEqual([1, 2]);
    expect(decodeSafetensors(encodeSafetensors(new Map())).tensors.size).toBe(0);
  });

  it('reads one tensor of a file without the others', async () => {
    const file = join(folder, 'one.safetensors');
    await writeSafetensors(file, sample);
    const opened = await openSafetensors(file);
    expect(opened.entries.map(({ name, dtype }) => `${name} ${dtype}`)).toEqual([
      'b.weight F32',
      'a.step I32',
      '7 F32',
      'naïve "名" I32',
    ]);
    const entry = opened.entries.find(({ name }) => name === 'a.step')!;
    expect(await opened.read(entry)).toEqual(sample.get('a.step'));
    expect(await opened.readBytes(entry)).toEqual(new Uint8Array(Int32Array.of(-7).buffer));
    await opened.close();
  });
});

describe('files', () => {
  it('says why a file cannot be read', async () => {
    const missing = join(folder, 'missing.safetensors');
    await expect(readSafetensors(missing)).rejects.toThrow(
      `${missing}: expected a safetensors file that can be read, got no such file or directory (ENOENT).`,
    );
    await expect(readSafetensors(folder)).rejects.toThrow('a safetensors file that can be read, got a directory.');
  });

  it('notices a file that shrinks while it is open', async () => {
    const file = join(folder, 'shrinking.safetensors');
    await writeSafetensors(file, sample);
    const opened = await openSafetensors(file);
    await truncate(file, 20);
    await expect(opened.read(opened.entries[0]!)).rejects.toThrow(`${file}: expected`);
    await expect(opened.read(opened.entries[0]!)).rejects.toThrow('the end of the file');
    await opened.close();
  });

  it('leaves no temporary file and replaces the previous file', async () => {
    const file = join(folder, 'x.safetensors');
    await writeSafetensors(file, sample);
    await writeSafetensors(file, new Map([['only', { shape: [1], data: Float32Array.of(1) }]]));
    expect(await readdir(folder)).toEqual(['x.safetensors']);
    expect([...(await readSafetensors(file)).tensors.keys()]).toEqual(['only']);
  });
});

describe('what cannot be written', () => {
  const one = { shape: [1], data: Float32Array.of(1) };
  it.each([
    [new Map([['__metadata__', one]]), {}, ConfigError, 'tensor names other than __metadata__'],
    [new Map([['__proto__', one]]), {}, ConfigError, 'tensor names other than __proto__'],
    [
      new Map([['x', { ...one, shape: [2] }]]),
      {},
      ShapeError,
      'tensor "x" [2] to have as many values as its shape says, got 1.',
    ],
    [new Map([['x', { ...one, shape: [-1, -1] }]]), {}, ShapeError, 'tensor "x" [-1, -1]'],
    [new Map([['x'.repeat(4097), one]]), {}, ConfigError, 'names of at most 4096 characters, got one of 4097'],
    [new Map([['x', one]]), { ['x'.repeat(4097)]: '' }, ConfigError, 'names of at most 4096 characters'],
    [new Map([['x', one]]), { step: 3 }, ConfigError, 'metadata of strings by name, got "step": 3.'],
    [new Map([['x', one]]), JSON.parse('{"__proto__":"x"}'), ConfigError, 'metadata of strings by name'],
  ] as [Map<string, HostTensor>, Record<string, string>, typeof ConfigError, string][])(
    'is refused %#',
    async (tensors, metadata, type, message) => {
      expect(() => encodeSafetensors(tensors, metadata)).toThrow(type);
      expect(() => encodeSafetensors(tensors, metadata)).toThrow(message);
      await expect(writeSafetensors(join(folder, 'no.safetensors'), tensors, metadata)).rejects.toThrow(message);
    },
  );

  it('is a header beyond the limit of the format', () => {
    expect(() => encodeSafetensors(new Map(), { long: 'x'.repeat(100_000_000) })).toThrow(
      'a header of at most 100000000 bytes',
    );
  });
});
