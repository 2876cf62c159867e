import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import { decodeSafetensors, openSafetensorsBytes, readSafetensors } from '../src/index.js';
import { buildFile } from './build-file.js';

const float = (begin: number, end: number, shape = [(end - begin) / 4]): object => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});
const eight = new Uint8Array(8);

describe('hostile files', () => {
  const cases: [string, Uint8Array, string][] = [
    ['empty', new Uint8Array(), 'expected a safetensors file of at least 8 bytes, got 0. The file is empty'],
    ['shorter than its length field', new Uint8Array(7), 'at least 8 bytes, got 7'],
    [
      'a header beyond the file',
      buildFile({}, eight, 100n),
      'header of at most 10 bytes, got a length of 100. The file was cut off',
    ],
    ['an absurd header length', buildFile({}, eight, 2n ** 64n - 1n), 'got a length of 18446744073709551615'],
    ['no header', buildFile(''), 'header that starts with "{", got ""'],
    ['not JSON', buildFile('{"x": oops}'), 'expected a header in JSON, got "Unexpected token'],
    ['a cut-off header', buildFile('{"x": {"dty'), 'expected a header in JSON, got '],
    ['a bad escape', buildFile('{"\\q": {}}'), 'expected a header in JSON, got '],
    [
      'not UTF-8',
      new Uint8Array([...buildFile('{"x":1}').subarray(0, 10), 0xff, 0xff, 0xff, 0xff, 0xff]),
      'header in UTF-8',
    ],
    ['a byte order mark', buildFile('\ufeff{}'), 'header that starts with "{"'],
    ['a list', buildFile('[]'), 'header that starts with "{", got "[]"'],
    [
      'deep nesting',
      buildFile(`{"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
      'a header nested 3 deep, got a deeper one',
    ],
    [
      'names twice',
      buildFile(`{"x":${JSON.stringify(float(0, 4))},"\\u0078" :${JSON.stringify(float(4, 8))}}`, eight),
      'names that differ, got "x" twice',
    ],
    [
      'fields twice',
      buildFile('{"x":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}}', new Uint8Array(4)),
      '"dtype" twice',
    ],
    ['metadata twice', buildFile('{"__metadata__":{"a":"1","a":"2"}}'), '"a" twice'],
    [
      'a prototype name',
      buildFile('{"__proto__":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', new Uint8Array(4)),
      'expected names other than __proto__, got that name',
    ],
    [
      'a prototype in metadata',
      buildFile('{"__metadata__":{"__proto__":"x"}}'),
      'expected names other than __proto__, got that name',
    ],
    ['a name without end', buildFile({ ['x'.repeat(4097)]: 1 }), 'names of at most 4096 characters, got one of 4097'],
    ['values without end', buildFile(`{"x":[${'0,'.repeat(4e6)}0]}`), 'a header of at most 4000000 values, got more'],
    ['metadata that is a number', buildFile({ __metadata__: { step: 3 } }), 'metadata "step" to be a string, got 3'],
    ['metadata that is a list', buildFile({ __metadata__: [] }), '__metadata__ to be described by an object, got []'],
    ['an entry that is null', buildFile({ x: null }), 'tensor "x" to be described by an object, got null'],
    [
      'an unknown dtype',
      buildFile({ x: { dtype: 'F8', shape: [8], data_offsets: [0, 8] } }, eight),
      'dtype of tensor "x" to be one of F64, F32,',
    ],
    ['a dtype of Object', buildFile({ x: { dtype: 'toString', shape: [], data_offsets: [0, 4] } }), 'got "toString"'],
    ['no dtype', buildFile({ x: { shape: [2], data_offsets: [0, 8] } }, eight), 'got nothing'],
    [
      'no shape',
      buildFile({ x: { dtype: 'F32', data_offsets: [0, 8] } }, eight),
      'shape of tensor "x" to be a list of integers',
    ],
    ['a negative size', buildFile({ x: float(0, 8, [-2, -1]) }, eight), 'list of integers of at least 0, got [-2,-1]'],
    [
      'a fractional size',
      buildFile({ x: float(0, 8, [0.5, 4]) }, eight),
      'list of integers of at least 0, got [0.5,4]',
    ],
    ['a size of text', buildFile('{"x":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}', eight), 'got ["2"]'],
    [
      'a shape beyond the bytes',
      buildFile({ x: float(0, 8, [3]) }, eight),
      'tensor "x" F32 [3] to take 12 bytes, got 8 bytes',
    ],
    ['a product that overflows', buildFile({ x: float(0, 8, [2 ** 32, 2 ** 32, 2]) }, eight), 'got 8 bytes'],
    [
      'a product that overflows, then zero',
      buildFile({
        x: float(0, 0, [...Array<number>(20).fill(2 ** 52), 0]),
      }),
      'got 0 bytes',
    ],
    [
      'elements that end within a byte',
      buildFile({ x: { dtype: 'F4', shape: [3], data_offsets: [0, 2] } }, new Uint8Array(2)),
      'tensor "x" F4 [3] to take 1.5 bytes, got 2 bytes',
    ],
    [
      'one offset',
      buildFile({ x: { dtype: 'F32', shape: [2], data_offsets: [0] } }, eight),
      'data_offsets of tensor "x" to be two integers',
    ],
    [
      'descending offsets',
      buildFile({ x: float(8, 0, [0]) }, eight),
      'ascending and within the 8 bytes of data, got [8, 0]',
    ],
    ['offsets beyond the file', buildFile({ x: float(0, 12) }, eight), 'got [0, 12]. The file was cut off'],
    [
      'offsets beyond exact integers',
      buildFile('{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,9007199254740993]}}', eight),
      'two integers of at least 0',
    ],
    [
      'an overlap',
      buildFile({ x: float(0, 8), y: float(4, 8) }, eight),
      'tensor "y" to begin at byte 8, where the one before it ends, got 4. The two overlap.',
    ],
    [
      'a gap',
      buildFile({ x: float(0, 4), y: float(8, 12) }, new Uint8Array(12)),
      'to begin at byte 4, where the one before it ends, got 8. There is a gap',
    ],
    ['a gap at the start', buildFile({ x: float(4, 8) }, eight), 'to begin at byte 0'],
    ['bytes of no tensor', buildFile({ x: float(0, 4) }, eight), 'tensors to fill the 8 bytes of data, got 4'],
    ['a long hostile name', buildFile({ ['x'.repeat(4096)]: 1 }), `tensor "${'x'.repeat(76)}... to be described`],
  ];

  it.each(cases)('refuses %s', (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, 'evil.safetensors')).toThrow(DataError);
    expect(() => decodeSafetensors(bytes, 'evil.safetensors')).toThrow('evil.safetensors: expected ');
    expect(() => decodeSafetensors(bytes)).toThrow(message);
  });

  it('refuses the same ones in a file and as open bytes, naming them', async ({ temporaryFolder }) => {
    const file = join(temporaryFolder, 'evil.safetensors');
    for (const [, bytes, message] of cases) {
      await expect(openSafetensorsBytes(bytes, 'evil')).rejects.toThrow(message);
      await expect(openSafetensorsBytes(bytes, 'evil')).rejects.toMatchObject({ name: 'DataError', where: 'evil' });
      await writeFile(file, bytes);
      await expect(readSafetensors(file)).rejects.toThrow(message);
      await expect(readSafetensors(file)).rejects.toMatchObject({ name: 'DataError', where: file });
    }
  });

  it('leaves prototypes alone', () => {
    const file = buildFile(
      '{"constructor":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"__metadata__":{"toString":"x"}}',
      new Uint8Array(4),
    );
    const { tensors, metadata } = decodeSafetensors(file);
    expect([...tensors.keys()]).toEqual(['constructor']);
    expect(Object.keys(metadata)).toEqual(['toString']);
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
  });

  it('does not allocate what a length field asks for', () => {
    const before = process.memoryUsage().rss;
    expect(() => decodeSafetensors(buildFile({}, eight, 90_000_000n))).toThrow(DataError);
    expect(process.memoryUsage().rss - before).toBeLessThan(50e6);
  });

  it('allows padding, unknown fields, tensors in any order and empty tensors between others', () => {
    const header = { b: float(4, 8), empty: float(4, 4, [3, 0]), a: { ...float(0, 4), comment: 'mine' } };
    const { tensors } = decodeSafetensors(buildFile(`${JSON.stringify(header)}   `, eight));
    expect([...tensors.keys()]).toEqual(['a', 'empty', 'b']);
  });
});
