import { DataError, foldIn, randomBits, randomKey, type HostTensor } from '@vitvq/core';
import { expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors, type SafetensorsContent } from '../src/index.js';
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

/** Returns a function that sets the length field to the length of a changed header. */
function repairLength(original: Uint8Array): (bytes: Uint8Array) => void {
  const data = original.length - 8 - Number(new DataView(original.buffer).getBigUint64(0, true));
  return (bytes) => {
    if (bytes.length < 8) return;
    new DataView(bytes.buffer).setBigUint64(0, BigInt(Math.max(0, bytes.length - 8 - data)), true);
  };
}

/** Decodes a file, and returns the reason where it is refused. Any other error passes through. */
function decodeOrRefuse(bytes: Uint8Array, index: number): SafetensorsContent | DataError {
  try {
    return decodeSafetensors(bytes, 'fuzzed');
  } catch (error) {
    if (error instanceof DataError) return error;
    throw new Error(`input ${index}: ${String(error)}`, { cause: error });
  }
}

/**
 * Returns what is wrong with an accepted file, which must be consistent, be written and be read
 * back.
 */
function problemsOf({ tensors, metadata }: SafetensorsContent): string[] {
  const problems: string[] = [];
  for (const [name, { shape, data }] of tensors) {
    if (shape.reduce((product, size) => product * size, 1) !== data.length) problems.push(`size of ${name}`);
  }
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string') problems.push(`metadata ${key}`);
  }
  if (!tensors.has('__metadata__')) {
    const again = decodeSafetensors(encodeSafetensors(tensors, metadata)).tensors;
    if (JSON.stringify([...again.keys()]) !== JSON.stringify([...tensors.keys()])) problems.push('names');
  }
  return problems;
}

it('answers 20,000 damaged files with a DataError or with tensors that fill their shapes', () => {
  let valid = 0;
  const problems: string[] = [];
  const reasons = new Set<string>();
  for (let index = 0; index < fuzzCount(20_000); index++) {
    const seed = seeds[index % seeds.length]!;
    const random = randomBits(foldIn(randomKey(2021), index), 64);
    const result = decodeOrRefuse(mutate(seed, random, fragments, { head: 8, repair: repairLength(seed) }), index);
    if (!(result instanceof DataError)) {
      valid++;
      problems.push(...problemsOf(result).map((problem) => `input ${index}: ${problem}`));
    } else {
      if (result.where !== 'fuzzed') problems.push(`input ${index}: where is ${result.where}`);
      reasons.add(result.expected.replace(/"(?:[^"\\]|\\.)*"|\d+/g, '#').slice(0, 30));
    }
  }
  expect(problems).toEqual([]);
  // The inputs are useful only if they reach many of the checks and leave some files whole.
  expect(valid).toBeGreaterThan(500);
  expect(reasons.size).toBeGreaterThan(15);
});
