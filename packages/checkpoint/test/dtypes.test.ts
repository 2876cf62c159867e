import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { ConfigError, DataError, type HostTensor } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import {
  decodeSafetensors,
  encodeSafetensors,
  openSafetensors,
  readSafetensors,
  restoreVariables,
  writeSafetensors,
  type SafetensorsDtype,
  type WritableDtype,
} from '../src/index.js';
import { buildFile } from './build-file.js';

let folder: string;
it.beforeEach(({ temporaryFolder }) => void (folder = temporaryFolder));

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

  // Values of the positive codes, in order: for each exponent, several multiples of a unit.
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
    // Values between two neighbours: a little nearer to the lower one, a little nearer to the
    // higher one, and halfway, where the even one is taken.
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
    const sample = new Map<string, HostTensor>([
      ['weight', { shape: [2], data: Float32Array.of(1, -2.5) }],
      ['step', { shape: [], data: Int32Array.of(-7) }],
    ]);
    const file = join(folder, 'half.safetensors');
    const dtypeOf = ({ dtype }: { dtype: string }): WritableDtype => (dtype === 'int32' ? 'I64' : 'F16');
    await writeSafetensors(file, sample, {}, { dtypeOf });
    expect(new Uint8Array(await readFile(file))).toEqual(encodeSafetensors(sample, {}, { dtypeOf }));
    expect((await readSafetensors(file)).tensors.get('step')).toEqual(sample.get('step'));
  });
});
