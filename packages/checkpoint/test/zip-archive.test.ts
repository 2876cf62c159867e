import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { InputFile } from '@vitvq/files';
import { it } from '@vitvq/test-utils/node';
import { expect } from 'vitest';
import { openPyTorchCheckpoint } from '../src/index.js';
import { inflateEntry } from '../src/internal/zip-archive.js';
import { bytesOf, dictionary, pickle, tensor, zipArchive, zipCheckpoint, type ZipPiece } from './build-pytorch.js';

let file: string;
it.beforeEach(({ temporaryFolder }) => void (file = join(temporaryFolder, 'archive.ckpt')));
const value = dictionary({ w: tensor({ length: 4, shape: [4] }) });
const content = bytesOf(pickle(value));
const numbers = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
const entries: readonly ZipPiece[] = [
  { name: 'archive/data.pkl', content },
  { name: 'archive/data/0', content: numbers },
];

async function open(bytes: Uint8Array): Promise<string[]> {
  await fs.writeFile(file, bytes);
  const opened = await openPyTorchCheckpoint(file);
  try {
    for (const entry of opened.entries) await opened.read(entry);
    return opened.entries.map(({ name }) => name);
  } finally {
    await opened.close();
  }
}

it('reads archives that others have packed again', async () => {
  expect(await open(zipArchive(entries))).toEqual(['w']);
  expect(await open(zipArchive([...entries, { name: 'archive/empty/', content: new Uint8Array() }]))).toEqual(['w']);
  expect(await open(zipArchive(entries.map((entry) => ({ ...entry, isDeflated: true }))))).toEqual(['w']);
  // Zeros deflate well.
  const zeros = new Float32Array(4 * 2 ** 20);
  const large = dictionary({ w: tensor({ length: zeros.length, shape: [zeros.length] }) });
  expect(await open(zipCheckpoint(large, { 0: zeros }, { isDeflated: true }))).toEqual(['w']);
});

const other = (piece: Partial<ZipPiece>): ZipPiece => ({ name: 'archive/x', content: new Uint8Array(8), ...piece });

it.each<[string, readonly ZipPiece[], string]>([
  [
    'a climbing path',
    [...entries, other({ name: 'archive/../../etc/passwd' })],
    'invalid relative path: archive/../../etc',
  ],
  ['an absolute path', [...entries, other({ name: '/etc/passwd' })], 'absolute path: /etc/passwd'],
  ['a drive', [...entries, other({ name: 'C:/x' })], 'absolute path: C:/x'],
  ['a backslash', [...entries, other({ name: 'archive\\x' })], 'invalid characters in fileName'],
  [
    'a name twice',
    [...entries, other({ name: 'archive/data/0' })],
    'expected names that differ, got "archive/data/0" twice.',
  ],
  [
    'a long name',
    [...entries, other({ name: 'x'.repeat(4097) })],
    'expected names of at most 4096 characters, got one of 4097.',
  ],
  [
    'an encrypted entry',
    [...entries, other({ flags: 1 })],
    'expected a zip archive, got "compressed/uncompressed size mismatch',
  ],
  [
    'an encrypted deflated entry',
    [...entries, other({ flags: 1, isDeflated: true })],
    'an archive that is not encrypted',
  ],
  ['another compression', [...entries, other({ method: 12 })], 'to be stored or deflated, got compression method 12'],
  [
    'content shared by two entries',
    [...entries, other({ name: 'archive/data/1', content: numbers, sameAs: 1 })],
    'got "archive/data/0" and "archive/data/1", which do',
  ],
  ['a size beyond the file', [...entries, other({ size: 2 ** 30 })], 'file data overflows file bounds'],
  [
    'a zip bomb',
    [...entries, other({ isDeflated: true, size: 2 ** 31 })],
    'got more up to "archive/x". This is a zip bomb.',
  ],
  [
    'many small zip bombs',
    [
      ...entries,
      ...Array.from({ length: 9 }, (_, index) => other({ name: `archive/${index}`, isDeflated: true, size: 2 ** 23 })),
    ],
    'got more up to "archive/8". This is a zip bomb.',
  ],
  [
    'a storage that inflates to more',
    [entries[0]!, { ...entries[1]!, isDeflated: true, content: new Uint8Array(2 ** 20), size: 16 }],
    '"archive/data/0" to inflate to 16 bytes, got more',
  ],
  [
    'a storage that inflates to a little more',
    [entries[0]!, { ...entries[1]!, isDeflated: true, content: new Uint8Array(17), size: 16 }],
    '"archive/data/0" to inflate to 16 bytes, got more. The file is damaged.',
  ],
  [
    'a storage that inflates to less',
    [entries[0]!, { ...entries[1]!, isDeflated: true, content: new Uint8Array(8), size: 16 }],
    'to inflate to 16 bytes, got 8. The file is damaged.',
  ],
  [
    'a deflated storage that is not',
    [entries[0]!, { ...entries[1]!, method: 8 }],
    '"archive/data/0" to inflate to 16 bytes, got "invalid',
  ],
  [
    'a pickle of 65 MiB',
    [
      { name: 'archive/data.pkl', content: new Uint8Array(65 * 2 ** 20), isDeflated: true },
      ...Array.from({ length: 1 }, () => other({ content: new Uint8Array(2 ** 20) })),
    ],
    'archive/data.pkl" of at most 67108864 bytes, got 68157440.',
  ],
  ['no pickle', [other({})], 'an archive of PyTorch, with a data.pkl in its folder, got none. Other zip archives'],
  ['two pickles', [...entries, other({ name: 'b/data.pkl' })], 'got 2 of them'],
  [
    'another byte order',
    [...entries, other({ name: 'archive/byteorder', content: bytesOf('pdp') })],
    'expected byteorder little or big, got "pdp"',
  ],
  ['a storage that is missing', [entries[0]!], 'expected storage "0" as "archive/data/0", got none.'],
  [
    'a storage that is too short',
    [entries[0]!, { ...entries[1]!, content: numbers.subarray(1) }],
    '"archive/data/0" to hold 16 bytes, got 15.',
  ],
])('refuses %s', async (_, pieces, message) => {
  const bytes = zipArchive(pieces);
  await expect(open(bytes)).rejects.toThrow(DataError);
  await expect(open(bytes)).rejects.toMatchObject({ where: file });
  await expect(open(bytes)).rejects.toThrow(message);
});

it('refuses archives that were cut off', async () => {
  const bytes = zipArchive(entries);
  for (const length of [4, 40, 200, bytes.length - 30, bytes.length - 1]) {
    await expect(open(bytes.subarray(0, length))).rejects.toThrow(`${file}: expected a zip archive, got `);
  }
});

it('refuses content that no memory can hold', async () => {
  await fs.writeFile(file, zipArchive(entries));
  const input = await InputFile.open(file, 'a PyTorch file');
  const entry = { name: 'archive/data/0', isDeflated: true, begin: 0, end: 1, size: 2 ** 50 };
  const inflating = inflateEntry(input, entry);
  await expect(inflating).rejects.toThrow(DataError);
  await expect(inflating).rejects.toThrow(
    `${file}: expected "archive/data/0" to fit into memory, got ${2 ** 50} bytes. The file is damaged, or too large.`,
  );
  await input.close();
});
