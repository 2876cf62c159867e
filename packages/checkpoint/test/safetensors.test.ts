import { readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { ConfigError, DataError, ShapeError, type HostTensor } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import {
  decodeSafetensors,
  encodeSafetensors,
  openSafetensors,
  readSafetensors,
  writeSafetensors,
  restoreVariables,
  type SafetensorsDtype,
  type WritableDtype,
} from '../src/index.js';
import { buildFile, temporaryFolder } from './build-file.js';

const folder = await temporaryFolder();

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

describe('element types', () => {
  const decode = (dtype: SafetensorsDtype, data: ArrayBuffer, count: number): HostTensor['data'] =>
    decodeSafetensors(
      buildFile({ x: { dtype, shape: [count], data_offsets: [0, data.byteLength] } }, new Uint8Array(data)),
    ).tensors.get('x')!.data;

  it.each([
    ['F64', Float64Array.of(0.1, -1e300, 3).buffer, Float32Array.of(0.1, -Infinity, 3)],
    [
      'F16',
      Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00, 0xfc00, 0x03ff).buffer,
      Float32Array.of(1, -2, 65504, 2 ** -24, -0, Infinity, -Infinity, 1023 * 2 ** -24),
    ],
    ['BF16', Uint16Array.of(0x3f80, 0xbf00, 0x7f80, 0x0001).buffer, Float32Array.of(1, -0.5, Infinity, 2 ** -133)],
    ['I64', BigInt64Array.of(-1n, 2147483647n, -2147483648n).buffer, Int32Array.of(-1, 2147483647, -2147483648)],
    ['U64', BigUint64Array.of(0n, 2147483647n).buffer, Int32Array.of(0, 2147483647)],
    ['U32', Uint32Array.of(0, 2147483647).buffer, Int32Array.of(0, 2147483647)],
    ['I16', Int16Array.of(-32768, 5).buffer, Int32Array.of(-32768, 5)],
    ['U16', Uint16Array.of(65535).buffer, Int32Array.of(65535)],
    ['I8', Int8Array.of(-128, 127).buffer, Int32Array.of(-128, 127)],
    ['U8', Uint8Array.of(255, 0).buffer, Int32Array.of(255, 0)],
    ['BOOL', Uint8Array.of(0, 1, 7).buffer, Int32Array.of(0, 1, 1)],
  ] as const)('%s', (dtype, data, expected) => {
    const values = decode(dtype, data, expected.length);
    expect(values).toBeInstanceOf(expected.constructor);
    expect([...values]).toEqual([...expected]);
  });

  it('reads the NaN of half precision as NaN', () => {
    expect([...decode('F16', Uint16Array.of(0x7e00, 0xfc01).buffer, 2)]).toEqual([NaN, NaN]);
  });

  it('agrees with a plain formula for every half-precision number', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
    const values = decode('F16', all.buffer, all.length);
    for (let bits = 0; bits < 65536; bits++) {
      const exponent = (bits >> 10) & 31;
      const fraction = bits & 1023;
      const magnitude =
        exponent === 31
          ? fraction
            ? NaN
            : Infinity
          : exponent === 0
            ? fraction * 2 ** -24
            : (1 + fraction / 1024) * 2 ** (exponent - 15);
      if (!Object.is(values[bits], bits & 0x8000 ? -magnitude : magnitude))
        expect.fail(`bits ${bits}: ${values[bits]}`);
    }
  });

  // The numbers of positive codes, in order: of each exponent, so many times a unit.
  const times = (unit: number, first: number, count: number): number[] =>
    Array.from({ length: count }, (_, index) => unit * (first + index));
  const powers = (from: number, to: number): number[] =>
    Array.from({ length: to - from + 1 }, (_, index) => 2 ** (from + index));
  // 1/64 ... 480, which is NaN instead
  const eights = powers(-9, 5).flatMap((unit) => times(unit, 8, 8));
  const quarters = powers(-16, 13).flatMap((unit) => times(unit, 4, 4)); // 1/16384 ... 57344
  const signed = (positive: readonly number[]): number[] => [...positive, ...positive.map((value) => -value)];
  it.each([
    ['F8_E4M3', signed([...times(2 ** -9, 0, 8), ...eights.slice(0, -1), NaN])],
    ['F8_E5M2', signed([...times(2 ** -16, 0, 4), ...quarters, Infinity, NaN, NaN, NaN])],
    ['F8_E8M0', [...powers(-127, 127), NaN]],
  ] as const)('%s, all 256 codes', (dtype, expected) => {
    const values = decode(dtype, Uint8Array.from({ length: 256 }, (_, code) => code).buffer, 256);
    expect(values).toBeInstanceOf(Float32Array);
    expect([...values]).toEqual(expected);
  });

  it.each([
    [
      'F8_E4M3',
      [0x00, 0x01, 0x07, 0x08, 0x38, 0x39, 0x7e, 0x7f, 0x80, 0xc0],
      [0, 2 ** -9, 7 / 512, 1 / 64, 1, 1.125, 448, NaN, -0, -2],
    ],
    [
      'F8_E5M2',
      [0x00, 0x01, 0x03, 0x04, 0x3c, 0x3d, 0x7b, 0x7c, 0xfc, 0x7d],
      [0, 2 ** -16, 3 / 65536, 2 ** -14, 1, 1.25, 57344, Infinity, -Infinity, NaN],
    ],
    ['F8_E8M0', [0, 126, 127, 128, 254, 255], [2 ** -127, 0.5, 1, 2, 2 ** 127, NaN]],
  ] as const)('%s by hand', (dtype, codes, expected) => {
    expect([...decode(dtype, Uint8Array.from(codes).buffer, codes.length)]).toEqual(expected);
  });

  it.each([
    ['C64', 1, 8],
    ['F4', 6, 3],
    ['F6_E2M3', 4, 3],
    ['F6_E3M2', 8, 6],
    ['F8_E4M3FNUZ', 3, 3],
    ['F8_E5M2FNUZ', 3, 3],
  ] as const)('%s has bytes, and no values', async (dtype, count, byteCount) => {
    const file = join(folder, 'others.safetensors');
    const data = Uint8Array.from({ length: byteCount + 4 }, (_, index) => (index < byteCount ? index + 1 : 0));
    const header = {
      other: { dtype, shape: [count], data_offsets: [0, byteCount] },
      x: { dtype: 'F32', shape: [1], data_offsets: [byteCount, byteCount + 4] },
    };
    await writeFile(file, buildFile(header, data));
    const opened = await openSafetensors(file);
    const [other, x] = opened.entries;
    expect(other).toMatchObject({ name: 'other', dtype, shape: [count] });
    expect([...(await opened.readBytes(other!))]).toEqual([...data.subarray(0, byteCount)]);
    expect([...(await opened.read(x!)).data]).toEqual([0]);
    const message = `expected tensor "other" to have values that are read as float32 or int32, got ${dtype}. Its bytes can be`;
    await expect(opened.read(other!)).rejects.toThrow(DataError);
    await expect(opened.read(other!)).rejects.toThrow(`${file}: ${message}`);
    expect(() => decodeSafetensors(buildFile(header, data))).toThrow(message);

    const variable = tf.variable(tf.tensor1d([5]));
    await expect(
      restoreVariables(
        opened,
        new Map([
          ['x', variable],
          ['other', tf.variable(tf.zeros([count]))],
        ]),
      ),
    ).rejects.toThrow(`${dtype}, which is not read as float32`);
    expect([...variable.dataSync()]).toEqual([5]);
    await restoreVariables(opened, new Map([['x', variable]]), { ignoreOthers: true });
    expect([...variable.dataSync()]).toEqual([0]);
    await opened.close();
    tf.disposeVariables();
  });

  it.each([
    ['I64', BigInt64Array.of(1n, 2147483648n).buffer, 2, '2147483648 at index 1'],
    ['I64', BigInt64Array.of(-2147483649n).buffer, 1, '-2147483649 at index 0'],
    ['U64', BigUint64Array.of(2147483648n).buffer, 1, '2147483648 at index 0'],
    ['U64', BigUint64Array.of(2n ** 64n - 1n).buffer, 1, '18446744073709551615 at index 0'],
    ['U32', Uint32Array.of(5, 4294967295).buffer, 2, '4294967295 at index 1'],
  ] as const)('refuses %s values beyond int32', (dtype, data, count, message) => {
    expect(() => decode(dtype, data, count)).toThrow(
      `decodeSafetensors: expected the ${dtype} values of tensor x to fit int32, got ${message}. Integers of more than 32 bits`,
    );
  });
});

describe('element types that are chosen', () => {
  const write = (dtype: WritableDtype, data: HostTensor['data']): HostTensor['data'] =>
    decodeSafetensors(
      encodeSafetensors(new Map([['x', { shape: [data.length], data }]]), {}, { dtypeOf: () => dtype }),
    ).tensors.get('x')!.data;

  it.each([
    ['F64', [0.1, -3e38, NaN]],
    ['F32', [0.1, -3e38, Infinity]],
    ['F16', [1, -65504, 2 ** -24, -(2 ** -14), 0, Infinity, NaN]],
    ['BF16', [1, -(2 ** 127), 2 ** -133, Infinity, NaN]],
  ] as const)('%s keep values that they can hold', (dtype, values) => {
    expect(write(dtype, Float32Array.from(values))).toEqual(Float32Array.from(values));
  });

  it.each([
    ['I64', [-(2 ** 31), 2 ** 31 - 1]],
    ['U64', [0, 2 ** 31 - 1]],
    ['I32', [-(2 ** 31), 2 ** 31 - 1]],
    ['U32', [0, 2 ** 31 - 1]],
    ['I16', [-(2 ** 15), 2 ** 15 - 1]],
    ['U16', [0, 2 ** 16 - 1]],
    ['I8', [-128, 127]],
    ['U8', [0, 255]],
    ['BOOL', [0, 1]],
  ] as const)('%s keep their range, and refuse what is beyond', (dtype, [smallest, largest]) => {
    expect(write(dtype, Int32Array.of(smallest, largest))).toEqual(Int32Array.of(smallest, largest));
    if (smallest > -(2 ** 31)) {
      expect(() => write(dtype, Int32Array.of(0, smallest - 1))).toThrow(
        `tensor x to fit ${dtype}, got ${smallest - 1} at index 1`,
      );
    }
    if (largest < 2 ** 31 - 1) expect(() => write(dtype, Int32Array.of(largest + 1))).toThrow(ConfigError);
  });

  it('F16 keeps all 65,536 numbers, and rounds others to the nearest', () => {
    const bytes = new Uint8Array(Uint16Array.from({ length: 65536 }, (_, bits) => bits).buffer);
    const header = { x: { dtype: 'F16', shape: [65536], data_offsets: [0, 131072] } };
    const all = decodeSafetensors(buildFile(header, bytes)).tensors.get('x')!.data as Float32Array;
    expect(write('F16', all)).toEqual(all);
    // Between each two neighbours: a little nearer to the one, a little nearer to the other, and
    // half-way, where the even one is taken.
    const positive = all.subarray(0, 0x7c00);
    const [low, high, middle] = [0.499, 0.501, 0.5].map((part) =>
      write(
        'F16',
        positive.subarray(0, -1).map((value, index) => value + part * (positive[index + 1]! - value)),
      ),
    );
    expect(low).toEqual(positive.slice(0, -1));
    expect(high).toEqual(positive.slice(1));
    expect(middle).toEqual(positive.slice(0, -1).map((_, index) => positive[index + (index % 2)]!));
  });

  it('BF16 rounds to the nearest, and to the even one of two', () => {
    const values = Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, -1 - 2 ** -9);
    expect([...write('BF16', values)]).toEqual([1, 1 + 2 ** -6, 1 + 2 ** -7, -1]);
  });

  it('refuse values beyond their range, and the other kind of values', () => {
    expect(() => write('F16', Float32Array.of(1, -65520))).toThrow('tensor x to fit F16, got -65520 at index 1');
    expect(() => write('BF16', Float32Array.of(3.4e38))).toThrow('to fit BF16, got 3.3999999521443642e+38 at index 0');
    expect(() => write('I8', Float32Array.of(1))).toThrow('expected a type of numbers for tensor "x", got "I8".');
    expect(() => write('F16', Int32Array.of(1))).toThrow('expected a type of integers for tensor "x", got "F16".');
    expect(() => write('F8_E4M3' as WritableDtype, Float32Array.of(1))).toThrow(
      'expected a type of numbers for tensor "x", got "F8_E4M3".',
    );
  });

  it('are written to a file as in memory', async () => {
    const file = join(folder, 'half.safetensors');
    const dtypeOf = ({ dtype }: { dtype: string }): WritableDtype => (dtype === 'int32' ? 'I64' : 'F16');
    await writeSafetensors(file, sample, {}, { dtypeOf });
    expect(new Uint8Array(await readFile(file))).toEqual(encodeSafetensors(sample, {}, { dtypeOf }));
    expect((await readSafetensors(file)).tensors.get('a.step')).toEqual(sample.get('a.step'));
  });
});

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
      'tensor names other than __proto__',
    ],
    ['a prototype in metadata', buildFile('{"__metadata__":{"__proto__":"x"}}'), 'metadata names other than __proto__'],
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
        x: float(0, 0, [
          2 ** 52,
          2 ** 52,
          2 ** 52,
          2 ** 52,
          2 ** 52,
          2 ** 52,
          2 ** 52,
          2 ** 52,
          2 ** 52,
          2 ** 52,
          2 ** 52,
          2 ** 52,
          2 ** 52,
          2 ** 52,
          2 ** 52,
          2 ** 52,
          2 ** 52,
          2 ** 52,
          2 ** 52,
          2 ** 52,
          0,
        ]),
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

  it('refuses the same ones in a file, naming it', async () => {
    const file = join(folder, 'evil.safetensors');
    for (const [, bytes, message] of cases) {
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
    const inner = await temporaryFolder();
    const file = join(inner, 'x.safetensors');
    await writeSafetensors(file, sample);
    await writeSafetensors(file, new Map([['only', { shape: [1], data: Float32Array.of(1) }]]));
    expect(await readdir(inner)).toEqual(['x.safetensors']);
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
