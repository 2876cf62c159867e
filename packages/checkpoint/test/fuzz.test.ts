import { DataError, foldIn, randomBits, randomKey, type HostTensor } from '@vitvq/core';
import { expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from '../src/index.js';
import { buildFile } from './build-file.js';
import { fuzzCount, mutate } from './mutate.js';

const seeds = [
  encodeSafetensors(
    new Map<string, HostTensor>([
      ['encoder.weight', { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
      ['step', { shape: [], data: Int32Array.of(12) }],
      ['empty', { shape: [0, 2], data: new Float32Array() }],
    ]),
    { note: 'a "quoted" value', other: '{}' },
  ),
  buildFile(
    {
      a: { dtype: 'I64', shape: [2], data_offsets: [0, 16] },
      b: { dtype: 'F16', shape: [2, 2], data_offsets: [16, 24] },
      c: { dtype: 'BOOL', shape: [3], data_offsets: [24, 27] },
      d: { dtype: 'F64', shape: [1], data_offsets: [27, 35] },
    },
    Uint8Array.from({ length: 35 }, (_, index) => (index % 8 < 2 ? index : 0)),
  ),
];

const fragments = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\',
  '-',
  '.',
  'e9',
  '0',
  '9',
  '9007199254740993',
  'null',
  '__proto__',
  '__metadata__',
  'F32',
  'U64',
  'BF16',
  '"shape"',
  '"dtype"',
  '"data_offsets"',
  '[0,0]',
  '\\u0000',
  '\ud83d',
  ' ',
  '\u00ff',
].map((fragment) => new TextEncoder().encode(fragment));

/** The length field, for the header that is there now. */
function repairLength(original: Uint8Array): (bytes: Uint8Array) => void {
  const data = original.length - 8 - Number(new DataView(original.buffer).getBigUint64(0, true));
  return (bytes) => {
    if (bytes.length < 8) return;
    new DataView(bytes.buffer).setBigUint64(0, BigInt(Math.max(0, bytes.length - 8 - data)), true);
  };
}

it('answers 20,000 damaged files with a DataError or with tensors that fill their shapes', () => {
  let valid = 0;
  const reasons = new Set<string>();
  for (let index = 0; index < fuzzCount(20_000); index++) {
    const seed = seeds[index % seeds.length]!;
    const random = randomBits(foldIn(randomKey(2021), index), 64);
    const bytes = mutate(seed, random, fragments, { head: 8, repair: repairLength(seed) });
    try {
      const { tensors, metadata } = decodeSafetensors(bytes, 'fuzzed');
      valid++;
      for (const { shape, data } of tensors.values()) {
        expect(shape.reduce((product, size) => product * size, 1)).toBe(data.length);
      }
      for (const value of Object.values(metadata)) expect(typeof value).toBe('string');
      // What was accepted can be written and read back.
      if (!tensors.has('__metadata__')) {
        expect([...decodeSafetensors(encodeSafetensors(tensors, metadata)).tensors.keys()]).toEqual([
          ...tensors.keys(),
        ]);
      }
    } catch (error) {
      if (!(error instanceof DataError)) throw new Error(`input ${index}: ${String(error)}`, { cause: error });
      expect(error.where).toBe('fuzzed');
      reasons.add(error.expected.replace(/"(?:[^"\\]|\\.)*"|\d+/g, '#').slice(0, 30));
    }
  }
  // The inputs are worth something only if they reach many of the checks and leave some files
  // whole.
  expect(valid).toBeGreaterThan(500);
  expect(reasons.size).toBeGreaterThan(15);
});
