import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { readdir, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ConfigError, DataError, randomKey } from '@vitvq/core';
import { testImageSource } from '@vitvq/test-utils';
import { pack } from 'tar-stream';
import { afterEach, describe, expect, it } from 'vitest';
import { createBatches, openDataSource, readImages, type DataSource, type DataSourceConfig } from '../src/index.js';
import { folderOf, gradient, temporaryFolder } from './images.js';

const pictures = await Promise.all([0, 1, 2, 3, 4].map((seed) => gradient(12, 10, seed).png().toBuffer()));
const jpeg = await gradient(12, 10).jpeg().toBuffer();

type Members = Readonly<Record<string, Uint8Array | string>>;

/** Writes a tar with the writer of another package. */
async function tar(members: Members, headers: Readonly<Record<string, string>> = {}): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(members)) {
    archive.entry({ name, ...(headers.pax ? { pax: { comment: headers.pax } } : {}) }, Buffer.from(content));
  }
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Two shards of two and three samples. */
async function twoShards(): Promise<Record<string, Uint8Array>> {
  return {
    'train-000.tar': await tar({
      'a/0.png': pictures[0]!,
      'a/0.cls': '1\n',
      'a/0.txt': 'the first\n',
      'a/1.cls': '0',
      'a/1.png': pictures[1]!,
      'a/1.txt': 'the second',
    }),
    'train-001.tar': await tar({
      'b/2.png': pictures[2]!,
      'b/2.cls': '1',
      'b/2.txt': 'x\ny',
      'b/3.seg.png': jpeg,
      'b/3.PNG': pictures[3]!,
      'b/3.txt': 'z',
      'b/3.cls': '0',
      'b/4.png': pictures[4]!,
      'b/4.cls': '3',
      'b/4.txt': 'w',
    }),
  };
}

const quiet = { onSkip: (): void => undefined };
const namesOf = (source: DataSource): string[] =>
  Array.from({ length: source.length }, (_, index) => source.nameOf!(index));

async function expectPictures(source: DataSource, wanted: readonly number[]): Promise<void> {
  for (const [index, picture] of wanted.entries()) {
    expect(await source.read(index)).toEqual({ bytes: new Uint8Array(pictures[picture]!) });
  }
  expect(source.length).toBe(wanted.length);
}

testImageSource({
  name: 'webdataset',
  create: async () => openDataSource({ kind: 'webdataset', shards: await folderOf(await twoShards()) }),
  createBatches,
});

describe('webdataset on the disk', () => {
  it('lists the samples of all shards with their labels and captions', async () => {
    const path = await folderOf(await twoShards());
    const source = await openDataSource({ kind: 'webdataset', shards: path, captionKey: 'txt' });
    expect(namesOf(source)).toEqual([
      'train-000.tar/a/0.png',
      'train-000.tar/a/1.png',
      'train-001.tar/b/2.png',
      'train-001.tar/b/3.png',
      'train-001.tar/b/4.png',
    ]);
    expect([...source.labels]).toEqual([1, 0, 1, 0, 3]);
    expect(source.classNames).toEqual(['0', '1', '2', '3']);
    expect(source.captions).toEqual(['the first', 'the second', ['x', 'y'], 'z', 'w']);
    await expectPictures(source, [0, 1, 2, 3, 4]);
  });

  it('takes ranges, patterns, folders and lists of them', async () => {
    const path = await folderOf(await twoShards());
    const lengthOf = async (shards: string | string[]): Promise<number> =>
      (await openDataSource({ kind: 'webdataset', shards }, { baseDirectory: path, ...quiet })).length;
    expect(await lengthOf('train-{000..001}.tar')).toBe(5);
    expect(await lengthOf('train-*1.tar')).toBe(3);
    expect(await lengthOf('train-00?.tar')).toBe(5);
    expect(await lengthOf('.')).toBe(5);
    expect(await lengthOf(['train-001.tar', 'train-000.tar'])).toBe(5);
    await expect(lengthOf('valid-*.tar')).rejects.toThrow('expected at least one shard, got none among 2 files');
    await expect(lengthOf('nowhere/*.tar')).rejects.toThrow('expected a folder of shards, got no such file');
  });

  it('reads labels and captions from JSON, and classes by name', async () => {
    const shards = join(
      await folderOf({
        'x.tar': await tar({
          '0.jpg': jpeg,
          '0.json': JSON.stringify({ kind: 'cat', texts: ['one', 'two'] }),
          '1.jpg': jpeg,
          '1.json': JSON.stringify({ kind: 'dog', texts: ['three'] }),
          '2.jpg': jpeg,
          '2.json': JSON.stringify({ kind: 'emu', texts: ['four'] }),
          '3.jpg': jpeg,
          '3.json': '{',
          '4.jpg': jpeg,
          '4.json': JSON.stringify({ kind: 'cat', texts: null }),
        }),
      }),
      'x.tar',
    );
    const config: DataSourceConfig = {
      kind: 'webdataset',
      shards,
      labelKey: { key: 'json', field: 'kind' },
      captionKey: { key: 'json', field: 'texts' },
    };
    const source = await openDataSource({ ...config, classes: ['dog', 'cat'] }, quiet);
    expect([...source.labels]).toEqual([1, 0]);
    expect(source.classNames).toEqual(['dog', 'cat']);
    expect(source.captions).toEqual([['one', 'two'], 'three']);
    expect(source.skipped).toEqual([
      { name: 'x.tar/2.jpg', reason: 'its label "emu" is no class' },
      { name: 'x.tar/3.jpg', reason: 'it has no label' },
      { name: 'x.tar/4.jpg', reason: 'it has no caption' },
    ]);
    expect((await openDataSource(config, quiet)).classNames).toEqual(['cat', 'dog', 'emu']);
  });

  it('reads long names in the forms of GNU and pax', async () => {
    const long = `${'folder/'.repeat(40)}${'n'.repeat(90)}`;
    const pax = await tar({ [`${long}.png`]: pictures[0]! }, { pax: 'of no use' });
    const gnu = Buffer.concat([gnuLongName(`${long}.png`), await tar({ 'short.png': pictures[1]! })]);
    const path = await folderOf({ 'a.tar': pax, 'b.tar': gnu });
    const source = await openDataSource({ kind: 'webdataset', shards: path });
    expect(namesOf(source)).toEqual([`a.tar/${long}.png`, `b.tar/${long}.png`]);
    await expectPictures(source, [0, 1]);
  });

  it('names damaged shards, uses what is whole in them, and refuses them with strict', async () => {
    const whole = await tar({ '0.png': pictures[0]!, '1.png': pictures[1]!, '2.png': pictures[2]! });
    const second = whole.indexOf('1.png');
    const flipped = Buffer.from(whole);
    flipped[second + 130]! ^= 1;
    const path = await folderOf({
      'bits.tar': flipped,
      'cut.tar': whole.subarray(0, second + 512 + 20),
      'good.tar': whole,
      'text.tar': 'this is text'.repeat(100),
      'unended.tar': whole.subarray(0, whole.length - 1024),
    });
    const shards = [path, join(path, 'missing.tar')];
    const source = await openDataSource({ kind: 'webdataset', shards }, quiet);
    await expectPictures(source, [0, 0, 0, 1, 2, 0, 1, 2]);
    expect(source.skipped).toEqual([
      { name: 'bits.tar', reason: `it is damaged at byte ${second}; 1 samples before that place are used` },
      { name: 'cut.tar', reason: `it is cut short at byte ${second + 532}; 1 samples before that place are used` },
      { name: 'text.tar', reason: 'it is no tar; 0 samples before that place are used' },
      { name: 'missing.tar', reason: expect.stringContaining('it cannot be read: no such file') as string },
    ]);
    const strict = openDataSource({ kind: 'webdataset', shards, strict: true });
    await expect(strict).rejects.toBeInstanceOf(DataError);
    await expect(strict).rejects.toThrow('bits.tar (it is damaged at byte');
    const none = openDataSource({ kind: 'webdataset', shards: join(path, 'text.tar') });
    await expect(none).rejects.toThrow('expected at least one usable image, got 1 image, none usable: text.tar');
  });

  it('goes on without a shard that is gone, and names its images', async () => {
    const path = await folderOf(await twoShards());
    const source = await openDataSource({ kind: 'webdataset', shards: path });
    await rm(join(path, 'train-000.tar'));
    const skipped: string[] = [];
    const options = { imageSize: 8, workers: 0, onSkip: ({ name }: { name: string }) => skipped.push(name) };
    expect((await readImages(source, options)).shape[0]).toBe(3);
    expect(skipped).toEqual(['train-000.tar/a/0.png', 'train-000.tar/a/1.png']);
  });

  it('tells of the progress and stops when it is told to', async () => {
    const path = await folderOf(await twoShards());
    const lines: string[] = [];
    await openDataSource({ kind: 'webdataset', shards: path }, { onProgress: (line) => lines.push(line) });
    expect(lines).toEqual(['1 of 2 shards indexed', '2 of 2 shards indexed']);
    const controller = new AbortController();
    // More than are indexed side by side.
    const shards = Array.from({ length: 20 }, () => join(path, 'train-000.tar'));
    const stopped = openDataSource(
      { kind: 'webdataset', shards },
      { signal: controller.signal, onProgress: () => controller.abort() },
    );
    await expect(stopped).rejects.toThrow('aborted');
  });
});

/** A member of GNU's type `L`: the name of the member behind it. */
function gnuLongName(name: string): Buffer {
  const content = Buffer.alloc(Math.ceil((name.length + 1) / 512) * 512);
  content.write(name);
  const header = Buffer.alloc(512);
  header.write('././@LongLink', 0);
  header.write('0000644\0', 100);
  header.write(`${(name.length + 1).toString(8).padStart(11, '0')}\0`, 124);
  header.write('L', 156);
  header.write('ustar  \0', 257, 'latin1');
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, content]);
}

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

interface Served {
  readonly address: string;
  /** What was asked for, in order. */
  readonly requests: string[];
}

/** Serves files, with or without parts. `fail` may answer in another way. */
async function serve(
  files: Readonly<Record<string, Uint8Array>>,
  { hasRange, fail }: { hasRange: boolean; fail?: (request: number, response: ServerResponse) => boolean },
): Promise<Served> {
  const requests: string[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const name = request.url!.slice(1);
    const { range } = request.headers;
    requests.push(`${name} ${range ?? 'whole'}`);
    if (fail?.(requests.length, response)) return;
    const file = files[name];
    if (!file) {
      response.writeHead(404).end('nothing here');
      return;
    }
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
    if (!hasRange || first === undefined) {
      response.writeHead(200, { 'content-length': file.length }).end(file);
      return;
    }
    const part = file.subarray(Number(first), Number(last) + 1);
    const end = Number(first) + part.length - 1;
    response.writeHead(206, { 'content-range': `bytes ${first}-${end}/${file.length}` }).end(part);
  };
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

describe('webdataset on the web', () => {
  it('reads parts where the server sends such', async () => {
    const { address, requests } = await serve(await twoShards(), { hasRange: true });
    const shards = `${address}/train-{000..001}.tar`;
    const source = await openDataSource({ kind: 'webdataset', shards, captionKey: 'txt' });
    expect(source.captions).toHaveLength(5);
    await expectPictures(source, [0, 1, 2, 3, 4]);
    expect(requests.some((request) => request.endsWith('whole'))).toBe(false);
  });

  it('keeps the index of a shard where it is told to, and makes it again when it is damaged', async () => {
    const cacheDirectory = await temporaryFolder();
    const { address, requests } = await serve(await twoShards(), { hasRange: true });
    const config: DataSourceConfig = { kind: 'webdataset', shards: `${address}/train-001.tar`, cacheDirectory };
    const first = await openDataSource(config);
    const asked = requests.length;
    const again = await openDataSource(config);
    // The size of the shard alone.
    expect(requests.length - asked).toBe(1);
    expect(again.identity).toBe(first.identity);
    expect([...again.labels]).toEqual([...first.labels]);
    const [index, ...others] = await readdir(cacheDirectory);
    expect(others).toEqual([]);
    await writeFile(join(cacheDirectory, index!), '{"samples":[{}]}');
    await expectPictures(await openDataSource(config), [2, 3, 4]);
    // Other keys are another index.
    expect((await openDataSource({ ...config, captionKey: 'txt' })).captions).toHaveLength(3);
    expect(await readdir(cacheDirectory)).toHaveLength(2);
  });

  it('downloads each shard once where it sends whole files only', async () => {
    const cacheDirectory = await temporaryFolder();
    const { address, requests } = await serve(await twoShards(), { hasRange: false });
    const config: DataSourceConfig = { kind: 'webdataset', shards: `${address}/train-{000..001}.tar`, cacheDirectory };
    const lines: string[] = [];
    const source = await openDataSource(config, { onProgress: (line) => lines.push(line) });
    await expectPictures(source, [0, 1, 2, 3, 4]);
    expect(lines).toContain(`downloading ${address}/train-000.tar, 1 MB`);
    const shards = (await readdir(cacheDirectory)).filter((name) => name.endsWith('.tar'));
    expect(shards.map((name) => name.slice(17)).sort()).toEqual(['train-000.tar', 'train-001.tar']);
    const asked = requests.length;
    await expectPictures(await openDataSource(config), [0, 1, 2, 3, 4]);
    expect(requests).toHaveLength(asked);
    const refused = openDataSource({ kind: 'webdataset', shards: `${address}/train-000.tar` });
    await expect(refused).rejects.toBeInstanceOf(ConfigError);
    await expect(refused).rejects.toThrow('expected cacheDirectory, because the server sends whole files only');
  });

  it.each([true, false])('tries again what fails now and then (parts: %s)', async (hasRange) => {
    const fail = (request: number, response: ServerResponse): boolean => {
      // The first try of each request fails, in one of two ways.
      if (request % 4 === 1) response.writeHead(503).end();
      else if (request % 4 === 3) response.destroy();
      return request % 2 === 1;
    };
    const { address } = await serve(await twoShards(), { hasRange, fail });
    const cacheDirectory = await temporaryFolder();
    const source = await openDataSource({ kind: 'webdataset', shards: `${address}/train-001.tar`, cacheDirectory });
    await expectPictures(source, [2, 3, 4]);
  });

  it('names a shard that is not there, without another try', async () => {
    const { address, requests } = await serve(await twoShards(), { hasRange: true });
    const shards = [`${address}/train-000.tar`, `${address}/none.tar`];
    const source = await openDataSource({ kind: 'webdataset', shards }, quiet);
    expect(source.skipped).toEqual([{ name: 'none.tar', reason: 'it cannot be read: status 404 Not Found' }]);
    expect(requests.filter((request) => request.startsWith('none'))).toHaveLength(1);
    await expect(openDataSource({ kind: 'webdataset', shards, strict: true })).rejects.toThrow('none.tar');
  });

  it('gives the same batches as the shards on the disk, and goes on where it stopped', async () => {
    const files = await twoShards();
    const { address } = await serve(files, { hasRange: true });
    const here = await openDataSource({ kind: 'webdataset', shards: await folderOf(files) });
    const there = await openDataSource({ kind: 'webdataset', shards: `${address}/train-{000..001}.tar` });
    const options = { batchSize: 2, imageSize: 8, shuffle: true, flip: true, key: randomKey(3), workers: 0 } as const;
    const take = async (source: DataSource, startAt: number, count: number): Promise<unknown[]> => {
      const stream = createBatches(source, { ...options, startAt });
      const batches: unknown[] = [];
      for (let batch = 0; batch < count; batch++) batches.push(await stream.next());
      await stream.close();
      return batches;
    };
    const whole = await take(here, 0, 5);
    expect(await take(there, 0, 5)).toEqual(whole);
    expect(await take(there, 3, 2)).toEqual(whole.slice(3));
  });

  it('refuses a part that is another one than was asked for', async () => {
    const [, shard] = Object.entries(await twoShards())[0]!;
    const fail = (request: number, response: ServerResponse): boolean => {
      if (request > 1) response.writeHead(206, { 'content-range': `bytes 5-6/${shard.length}` }).end('xx');
      return request > 1;
    };
    const { address } = await serve({ 'x.tar': shard }, { hasRange: true, fail });
    const opened = openDataSource({ kind: 'webdataset', shards: `${address}/x.tar` });
    await expect(opened).rejects.toThrow('it cannot be read: other bytes than those');
  });
});

it('a shard whose header asks for more than memory has is named', async () => {
  const path = await temporaryFolder();
  const header = gnuLongName('x').subarray(0, 512);
  header.write('77777777777\0', 124);
  header.fill(' ', 148, 156);
  header.write(
    `${header
      .reduce((total, byte) => total + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  await writeFile(join(path, 'x.tar'), header);
  await expect(openDataSource({ kind: 'webdataset', shards: path })).rejects.toThrow('it is cut short at byte 512');
});
