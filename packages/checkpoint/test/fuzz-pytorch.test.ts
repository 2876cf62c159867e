import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataError, foldIn, randomBits, randomKey } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { expect } from 'vitest';
import { openPyTorchCheckpoint } from '../src/index.js';
import { AllowedNames } from '../src/internal/pickle/names.js';
import { PickleEnd, PickleReader } from '../src/internal/pickle/reader.js';
import { unpickle } from '../src/internal/pickle/unpickle.js';
import {
  bytesOf,
  call,
  dictionary,
  float,
  global,
  int,
  legacyCheckpoint,
  list,
  long,
  pickle,
  tensor,
  text,
  tuple,
  uint64,
  zipArchive,
  zipCheckpoint,
} from './build-pytorch.js';
import { fuzzCount, mutate } from './mutate.js';

let folder: string;
it.beforeEach(({ temporaryFolder }) => void (folder = temporaryFolder));
const fixture = (name: string): Promise<Uint8Array> =>
  fs.readFile(fileURLToPath(new URL(`fixtures/${name}`, import.meta.url)));
const random = (index: number): Uint32Array => randomBits(foldIn(randomKey(2022), index), 64);

const weights = dictionary({
  a: tensor({ length: 24, shape: [2, 3, 4] }),
  b: tensor({ length: 24, shape: [4, 3], strides: [1, 4], offset: 2 }),
  c: tensor({ key: '1', type: 'LongStorage', length: 3, shape: [3] }),
  d: tensor({ key: '2', type: 'BFloat16Storage', length: 2, shape: [2, 5], strides: [1, 0] }),
});
const value = dictionary({
  epoch: int(3),
  state_dict: weights,
  lr: float(0.1),
  list: list(text('x'), tuple(int(1), long(5))),
});
const storages = {
  0: Float32Array.from({ length: 24 }, (_, index) => index),
  1: BigInt64Array.of(1n, 2n, 3n),
  2: Uint16Array.of(0x3f80, 0x4000),
};

const fragments = [
  global('os', 'system'),
  global('builtins', 'eval'),
  global('collections', 'OrderedDict'),
  global('torch._utils', '_rebuild_tensor_v2'),
  global('torch', 'HalfStorage'),
  global('torch', 'Size'),
  global('builtins', 'tuple'),
  call(global('collections', 'OrderedDict')),
  text('__proto__'),
  text('0'),
  int(-1),
  long(2 ** 40),
  int(2 ** 20),
  uint64(2 ** 40),
  uint64(-1),
  `\x8e${uint64(2 ** 50)}`,
  '\x8b\xff\xff\xff\x7f',
  ')',
  '}',
  ']',
  '(',
  't',
  'R',
  'b',
  'u',
  'e',
  's',
  'Q',
  'q\x01',
  'h\x01',
  '\x81',
  '\x93',
  '0',
  '1',
  '2',
  'N',
  '.',
  'PK\x01\x02',
  'PK\x03\x04',
  'PK\x05\x06',
  '\x08\x00',
  '../',
  '\n',
].map(bytesOf);

/** Returns the kind of a refusal, without the parts that differ from file to file. */
const reasonOf = ({ expected }: DataError): string => expected.replace(/"(?:[^"\\]|\\.)*"|\d+/g, '#').slice(0, 40);

it('answers 5,000 damaged pickles with an error or a value', () => {
  const count = fuzzCount(5_000);
  const seeds = [
    bytesOf(pickle(value)),
    bytesOf(
      pickle(`\x95${uint64(10)}${weights}${call(global('collections', 'Counter'), dictionary({ a: int(1) }))}0`, 4),
    ),
  ];
  const names = new AllowedNames();
  const refuse = (expected: string, got: string): never => {
    throw new DataError({ where: 'fuzzed', expected, got });
  };
  let valid = 0;
  const reasons = new Set<string>();
  for (let index = 0; index < count; index++) {
    const bytes = mutate(seeds[index % seeds.length]!, random(index), fragments);
    try {
      expect(unpickle(new PickleReader(bytes), { names, refuse }).value).not.toBeUndefined();
      valid++;
    } catch (error) {
      if (error instanceof PickleEnd) reasons.add('end');
      else if (error instanceof DataError) reasons.add(reasonOf(error));
      else throw new Error(`input ${index}: ${String(error)}`, { cause: error });
    }
  }
  // The inputs are useful only if they reach many of the checks and leave some pickles whole.
  expect(valid).toBeGreaterThan(count / 100);
  expect(reasons.size).toBeGreaterThan(20);
});

/**
 * Returns an archive around a changed pickle, so that changes reach its descriptions of tensors.
 */
function zipOf(pickled: Uint8Array): Uint8Array {
  return zipArchive([
    { name: 'archive/data.pkl', content: pickled },
    ...Object.entries(storages).map(([key, { buffer }]) => ({
      name: `archive/data/${key}`,
      content: new Uint8Array(buffer),
    })),
  ]);
}

interface Seed {
  readonly bytes: Uint8Array;
  readonly wrap?: (bytes: Uint8Array) => Uint8Array;
}

it.each<[string, () => Promise<Seed[]>]>([
  [
    'zip',
    async () => [
      { bytes: bytesOf(pickle(value)), wrap: zipOf },
      { bytes: zipCheckpoint(value, storages) },
      { bytes: zipCheckpoint(value, storages, { isDeflated: true }) },
      { bytes: await fixture('torch-zip.ckpt') },
    ],
  ],
  [
    'legacy',
    async () => [
      { bytes: legacyCheckpoint(value, { 0: [24, storages[0]], 1: [3, storages[1]], 2: [2, storages[2]] }) },
      { bytes: await fixture('torch-legacy.ckpt') },
    ],
  ],
])('answers 1,000 damaged %s files with an error that names the file, or with tensors', async (format, makeSeeds) => {
  const seeds = await makeSeeds();
  const file = join(folder, `${format}.ckpt`);
  let valid = 0;
  const reasons = new Set<string>();
  for (let index = 0; index < fuzzCount(1000); index++) {
    const { bytes, wrap = (same) => same } = seeds[index % seeds.length]!;
    await fs.writeFile(file, wrap(mutate(bytes, random(1_000_000 + index), fragments)));
    try {
      const opened = await openPyTorchCheckpoint(file);
      try {
        for (const entry of opened.entries) {
          const { shape, data } = await opened.read(entry);
          expect(shape.reduce((product, size) => product * size, 1)).toBe(data.length);
        }
        valid++;
      } finally {
        await opened.close();
      }
    } catch (error) {
      if (!(error instanceof DataError)) throw new Error(`input ${index}: ${String(error)}`, { cause: error });
      expect(error.where.startsWith(file)).toBe(true);
      reasons.add(reasonOf(error));
    }
  }
  expect(valid).toBeGreaterThan(15);
  expect(reasons.size).toBeGreaterThan(10);
});
