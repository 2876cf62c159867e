import { DataError, foldIn, randomBits, randomKey, type HostTensor } from '@vitvq/core';
import { expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from '../src/index.js';
import { buildFile } from './build-file.js';

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
];

/** One to four changes: bits, bytes, pieces removed, doubled, moved, replaced by pieces of JSON, the length field, the end. */
function mutate(original: Uint8Array, random: Uint32Array): Uint8Array {
  let bytes = original.slice();
  let next = 0;
  const draw = (below: number): number => random[next++]! % below;
  const splice = (at: number, remove: number, insert: Uint8Array): void => {
    const result = new Uint8Array(Math.max(0, bytes.length - remove) + insert.length);
    result.set(bytes.subarray(0, at));
    result.set(insert, at);
    result.set(bytes.subarray(at + remove), at + insert.length);
    bytes = result;
  };
  const changes = 1 + draw(4);
  for (let change = 0; change < changes && bytes.length > 0; change++) {
    const kind = draw(8);
    const at = draw(bytes.length);
    const length = Math.min(draw(12), bytes.length - at);
    const fragment = new TextEncoder().encode(fragments[draw(fragments.length)]);
    if (kind === 0) bytes[at]! ^= 1 << draw(8);
    else if (kind === 1) bytes[at] = draw(256);
    else if (kind === 2) splice(at, length, new Uint8Array());
    else if (kind === 3) splice(at, 0, bytes.slice(at, at + length));
    else if (kind === 4) splice(at, 0, fragment);
    else if (kind === 5) splice(at, Math.min(fragment.length, bytes.length - at), fragment);
    else if (kind === 6) bytes[draw(Math.min(8, bytes.length))] = draw(256);
    else bytes = bytes.slice(0, at);
    // Half of the time the length field is put right again, so that changes reach what lies behind it.
    if (draw(2) && bytes.length >= 8) {
      const data = original.length - 8 - Number(new DataView(original.buffer).getBigUint64(0, true));
      new DataView(bytes.buffer).setBigUint64(0, BigInt(Math.max(0, bytes.length - 8 - data)), true);
    }
  }
  return bytes;
}

it('answers 20,000 damaged files with a DataError or with tensors that fill their shapes', () => {
  let valid = 0;
  const reasons = new Set<string>();
  for (let index = 0; index < 20_000; index++) {
    const bytes = mutate(seeds[index % seeds.length]!, randomBits(foldIn(randomKey(2021), index), 64));
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
  // The inputs are worth something only if they reach many of the checks and leave some files whole.
  expect(valid).toBeGreaterThan(500);
  expect(reasons.size).toBeGreaterThan(15);
});
