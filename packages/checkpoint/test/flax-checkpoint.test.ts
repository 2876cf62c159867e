/** `fixtures/flax.msgpack` was written by Flax; see `make_flax.py` beside it. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataError, foldIn, randomBits, randomKey } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import { openFlaxCheckpoint, openWeights } from '../src/index.js';
import { array, extension, map, text, type Piece } from './build-msgpack.js';
import { fuzzCount, mutate } from './mutate.js';

let folder: string;
it.beforeEach(({ temporaryFolder }) => void (folder = temporaryFolder));

async function write(content: Uint8Array): Promise<string> {
  const path = join(folder, 'weights');
  await writeFile(path, content);
  return path;
}

const floats = Float32Array.of(1, -2.5, 3, 4, 5, 6);
const one = array([1], 'float32', Float32Array.of(1));
const fixture = fileURLToPath(new URL('fixtures/flax.msgpack', import.meta.url));

describe('openFlaxCheckpoint', () => {
  it('reads arrays by the keys around them, of every type', async () => {
    const types: [string, ArrayBufferView, readonly number[]][] = [
      ['float32', floats, [...floats]],
      ['float64', Float64Array.of(0.5, -2), [0.5, -2]],
      ['float16', Uint16Array.of(0x3c00, 0xc000), [1, -2]],
      ['bfloat16', Uint16Array.of(0x3f80, 0xc000), [1, -2]],
      ['int64', BigInt64Array.of(3n, -4n), [3, -4]],
      ['int32', Int32Array.of(3, -4), [3, -4]],
      ['int16', Int16Array.of(3, -4), [3, -4]],
      ['int8', Int8Array.of(3, -4), [3, -4]],
      ['uint64', BigUint64Array.of(3n, 4n), [3, 4]],
      ['uint32', Uint32Array.of(3, 4), [3, 4]],
      ['uint16', Uint16Array.of(3, 4), [3, 4]],
      ['uint8', Uint8Array.of(3, 4), [3, 4]],
      ['bool', Uint8Array.of(1, 0), [1, 0]],
    ];
    const inner = map(...types.map(([type, values, read]) => [type, array([read.length], type, values)] as const));
    const shaped = array([2, 1, 3], 'float32', floats);
    const path = await write(
      map(['params', map(['a', inner], ['b', shaped])], ['c', array([], 'float32', one.slice(-4))]),
    );
    const opened = await openFlaxCheckpoint(path);
    expect(opened.entries.map(({ name }) => name)).toEqual([
      ...types.map(([type]) => `params/a/${type}`),
      'params/b',
      'c',
    ]);
    for (const [index, [, , expected]] of types.entries()) {
      const { data } = await opened.read(opened.entries[index]!);
      expect([...data]).toEqual(expected);
    }
    expect(await opened.read(opened.entries.at(-2)!)).toEqual({ shape: [2, 1, 3], data: floats });
    expect(await opened.read(opened.entries.at(-1)!)).toEqual({ shape: [], data: Float32Array.of(1) });
    await opened.close();
  });

  it('reads a file of Flax', async () => {
    const opened = await openWeights(fixture);
    const read = new Map<string, number[]>();
    for (const entry of opened.entries) read.set(entry.name, [...(await opened.read(entry)).data]);
    const types = opened.entries.filter(({ name }) => name.startsWith('types/'));
    expect(types).toHaveLength(13);
    for (const { name } of types) expect(read.get(name)).toEqual([1, 0]);
    expect(opened.entries.slice(types.length)).toEqual([
      { name: 'params/dense/kernel', shape: [2, 1, 3], dtype: 'F32' },
      { name: 'params/dense/bias', shape: [0, 4], dtype: 'F32' },
      { name: 'long', shape: [300], dtype: 'I32' },
      { name: 'list/0', shape: [], dtype: 'F32' },
    ]);
    expect(read.get('params/dense/kernel')).toEqual([0, 1, 2, 3, 4, 5]);
    expect(read.get('long')).toEqual(Array.from({ length: 300 }, (_, index) => index));
    expect(read.get('list/0')).toEqual([1.5]);
    expect('unread' in opened && [...opened.unread.keys()]).toEqual([
      'types/complex64',
      'step',
      'rate',
      'scalar',
      'name',
      'none',
    ]);
    await opened.close();
  });

  it('says what it does not read', async () => {
    const path = await write(
      map(
        ['step', [0xcd, 1, 0]],
        ['scale', [0xcb, 0, 0, 0, 0, 0, 0, 0, 0]],
        ['name', text('a model')],
        ['none', [0xc0]],
        ['scalar', extension(3, one.slice(3))],
        ['blob', [0xc4, 2, 1, 2]],
        ['complex', array([1], 'complex64', floats.slice(0, 2))],
        ['other', [0xd4, 5, 0]],
        ['a', one],
      ),
    );
    const opened = await openFlaxCheckpoint(path);
    expect(opened.entries.map(({ name }) => name)).toEqual(['a']);
    expect(Object.fromEntries(opened.unread)).toEqual({
      step: 'a number',
      scale: 'a number',
      name: 'a text',
      none: 'nothing',
      scalar: 'a number',
      blob: 'bytes',
      complex: 'an array of "complex64"',
      other: 'an extension of type 5',
    });
    await expect(opened.read({ name: 'step', shape: [], dtype: 'F32' })).rejects.toThrow(
      'expected an array "step", got a number',
    );
    await opened.close();
  });
});

const nested = (depth: number): Uint8Array =>
  Array.from({ length: depth - 1 }).reduce<Uint8Array>((inner) => map(['x', inner]), map(['x', one]));
const named = (value: Piece): Uint8Array => map(['x', value]);

describe('hostile files', () => {
  const cases: [string, Uint8Array, string][] = [
    ['a list', Uint8Array.of(0x91, 0x01), 'a checkpoint of Flax, got something else'],
    [
      'another kind of key',
      Uint8Array.of(0x81, 0xa1, 0x78, 0x81, 0x01, 0x01),
      'a key of at most 1024 bytes, got a value',
    ],
    ['maps as keys', new Uint8Array(1e6).fill(0x81).fill(0xa1, 1, 2).fill(0x78, 2, 3), 'got a value of the kind map'],
    ['a deep nesting', nested(17), 'nested 16 deep, got a deeper one'],
    ['a map of 4 billion', Uint8Array.of(0xdf, 0xff, 0xff, 0xff, 0xff, 0xa1, 0x78, 0x01), 'at most 200000 keys'],
    ['a map within', named([0xdf, 0xff, 0xff, 0xff, 0xff]), 'at most 200000 keys, got more'],
    ['a long key', map(['x'.repeat(1025), one]), 'a key of at most 1024 bytes, got 1025 bytes'],
    [
      'a long name',
      map(['x'.repeat(1000), map(['y'.repeat(1000), one])]),
      'names of at most 1024 characters, got one of 2001',
    ],
    ['names twice', map(['x', one], ['x', one]), 'names that differ, got "x" twice'],
    ['names twice, by a slash', map(['x', map(['y', one])], ['x/y', one]), 'got "x/y" twice'],
    ['a key of other bytes', Uint8Array.of(0x81, 0xa2, 0xff, 0xff, 0x01), 'in UTF-8, got other bytes'],
    ['lists', named([0x91, 0x01]), 'a dictionary or an array of numpy for "x", got a list'],
    ['a byte that begins nothing', named([0xc1]), 'the byte 0xc1, which begins none'],
    [
      'an array in pieces',
      named(map(['__msgpack_chunked_array__', [0xc3]])),
      'below a gibibyte, got one in several, "x"',
    ],
    ['a payload beyond the file', named([0xc9, 0xff, 0xff, 0xff, 0xff, 1, 0x93]), '1 bytes at'],
    ['a text beyond the file', named([0xdb, 0xff, 0xff, 0xff, 0xff]), '4294967295 bytes at'],
    ['a cut in an array', named(one).slice(0, -1), '4 bytes at'],
    ['bytes after the end', Uint8Array.of(...named(one), 0), 'the end of the file, got 1 bytes more'],
    ['fewer elements', named(array([7], 'float32', floats)), 'float32 [7] to have 28 bytes, got 24'],
    ['sizes that are too large', named(array([2 ** 52, 2 ** 52], 'float32', floats)), 'bytes, got 24'],
    ['elements of another length', named(array([6], 'float32', floats, 23)), 'got elements of another length'],
    ['a tuple of two', named(extension(1, Uint8Array.of(0x92, 0x90))), 'got something else'],
    ['a negative size', named(extension(1, Uint8Array.of(0x93, 0x91, 0xff))), 'got a shape of other than sizes'],
    ['many axes', named(extension(1, Uint8Array.of(0x93, 0xdc, 0xff, 0xff))), 'no shape of at most 64 axes'],
    ['a long type', named(extension(1, Uint8Array.of(0x93, 0x90, ...text('x'.repeat(33))))), 'got 33 bytes'],
  ];
  it.for(cases)('%s', async ([, content, message]) => {
    const path = await write(content);
    await expect(openFlaxCheckpoint(path)).rejects.toThrow(DataError);
    await expect(openFlaxCheckpoint(path)).rejects.toThrow(message);
  });

  it('of names that are together too long', async () => {
    const names = Array.from({ length: 70_000 }, (_, index) => [index.toString(36), Uint8Array.of(0xc0)] as const);
    const path = await write(map(['x'.repeat(1000), map(...names)]));
    await expect(openFlaxCheckpoint(path)).rejects.toThrow('names of 67108864 characters at most');
  });

  it('damaged at random, none of which does anything but fail or read', async () => {
    const fragments: Piece[] = [[0x81], [0xdf, 0xff], [0xc9, 0, 0, 0, 9, 1], [0xc6], [0xc1], [0x93], text('x'), one];
    const pieces = fragments.map((piece) => Uint8Array.from(piece));
    const original = await readFile(fixture);
    for (const [seed, whole] of [named(one), map(['a', map(['b', one])], ['c', one]), original].entries()) {
      for (let index = 0; index < fuzzCount(300); index++) {
        const random = randomBits(foldIn(foldIn(randomKey(5), seed), index), 64);
        const path = await write(mutate(whole, random, pieces));
        try {
          const opened = await openFlaxCheckpoint(path);
          for (const entry of opened.entries) await opened.read(entry);
          await opened.close();
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }
    }
  });
});
