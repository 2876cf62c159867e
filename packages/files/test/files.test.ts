import { createHash } from 'node:crypto';
import { existsSync, promises as fs } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ConfigError, DataError } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import {
  assertRoom,
  assertWritableFolder,
  contentBytes,
  createFolder,
  downloadOnce,
  InputFile,
  namesIn,
  regularFileSize,
  removeAbandoned,
  removeFile,
  removeTemporaryFiles,
  sha256OfFile,
  systemReason,
  updateHash,
  writeAtomically,
  writeJson,
  writeWhole,
  type DownloadProgress,
} from '../src/index.js';

let folder: string;
it.beforeEach(({ temporaryFolder }) => void (folder = temporaryFolder));

const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');

describe('writeAtomically', () => {
  it('replaces bytes that were appended before', async () => {
    const file = join(folder, 'a');
    await writeAtomically(file, async (output) => {
      await output.append(Uint8Array.of(1, 2, 3, 4));
      await output.replace(Uint8Array.of(9), 1);
    });
    expect([...(await fs.readFile(file))]).toEqual([1, 9, 3, 4]);
  });

  it('leaves the previous file and nothing else when the content fails', async () => {
    const file = join(folder, 'a');
    await writeWhole(file, 'before');
    const failing = writeAtomically(file, async (output) => {
      await output.append(new TextEncoder().encode('after'));
      throw new Error('no more');
    });
    await expect(failing).rejects.toThrow('no more');
    expect(await fs.readFile(file, 'utf8')).toBe('before');
    expect(await fs.readdir(folder)).toEqual(['a']);
  });

  it('names the file and the reason', async () => {
    const writing = writeJson(join(folder, 'none', 'a.json'), {});
    await expect(writing).rejects.toThrow(DataError);
    await expect(writing).rejects.toThrow('a.json: expected to write the file, got no such file or directory (ENOENT)');
  });
});

it('writeJson ends with a line break, createFolder makes the folders above', async () => {
  await createFolder(join(folder, 'a', 'b'));
  await writeJson(join(folder, 'a', 'b', 'c.json'), { d: [1] });
  expect(await fs.readFile(join(folder, 'a', 'b', 'c.json'), 'utf8')).toBe('{\n  "d": [\n    1\n  ]\n}\n');
  await fs.writeFile(join(folder, 'file'), '');
  await expect(createFolder(join(folder, 'file', 'x'))).rejects.toThrow('(ENOTDIR)');
});

describe('a folder to write to', () => {
  it('is tried before a long work, and nothing is left of it', async () => {
    await assertWritableFolder(folder);
    await assertWritableFolder(join(folder, 'new', 'er'));
    expect(await fs.readdir(folder)).toEqual([]);
    await fs.writeFile(join(folder, 'file'), '');
    const below = join(folder, 'file', 'below');
    await expect(assertWritableFolder(below)).rejects.toThrow(DataError);
    await expect(assertWritableFolder(below)).rejects.toThrow(
      `${below}: expected a folder that can be written to, got a file where a directory should be (ENOTDIR). Make room or`,
    );
  });

  it.skipIf(!existsSync('/proc/self'))('may take no files at all', async () => {
    await expect(assertWritableFolder('/proc/self')).rejects.toThrow(
      /^\/proc\/self: expected a folder that can be written to, got /,
    );
  });

  it('must have room', async () => {
    await assertRoom(folder, 1, 'a checkpoint');
    await expect(assertRoom(folder, 2 ** 60, 'a checkpoint')).rejects.toThrow(
      /: expected room for a checkpoint, 1099511627776\.0 MiB, got \d+\.\d MiB free\. Make room or choose another folder\.$/,
    );
  });
});

describe('folders', () => {
  it('namesIn lists names, none where there is no folder, and refuses a file', async () => {
    await writeWhole(join(folder, 'a'), '');
    expect(await namesIn(folder)).toEqual(['a']);
    expect(await namesIn(join(folder, 'none'))).toEqual([]);
    await expect(namesIn(join(folder, 'a'))).rejects.toThrow('expected a folder, got a file where a directory should');
  });

  it('removeFile removes a file, if there is one, and says what it was for', async () => {
    await writeWhole(join(folder, 'a'), '');
    await removeFile(join(folder, 'a'), 'to remove a test');
    await removeFile(join(folder, 'a'), 'to remove a test');
    expect(await namesIn(folder)).toEqual([]);
    await fs.mkdir(join(folder, 'b'));
    const removing = removeFile(join(folder, 'b'), 'to remove a test', 'Do it by hand.');
    await expect(removing).rejects.toThrow(DataError);
    await expect(removing).rejects.toThrow(/b: expected to remove a test, got .* Do it by hand\.$/);
  });
});

describe('what killed processes left', () => {
  const age = async (path: string, hours: number): Promise<void> => {
    const time = new Date(Date.now() - hours * 3_600_000);
    await fs.utimes(path, time, time);
  };

  it('goes when it is old and ours, files and folders', async () => {
    await fs.mkdir(join(folder, 'old.partial'));
    await fs.writeFile(join(folder, 'old.partial', 'inside'), '');
    await fs.writeFile(join(folder, 'new.partial'), '');
    await fs.writeFile(join(folder, 'old.other'), '');
    for (const name of ['old.partial', 'old.other']) await age(join(folder, name), 30);
    await removeAbandoned(folder, (name) => name.endsWith('.partial'), 24);
    expect((await fs.readdir(folder)).sort()).toEqual(['new.partial', 'old.other']);
  });

  it('includes temporary files of atomic writes, by the name of their file', async () => {
    const left = ['.model.json.0123456789ab.tmp', '.other.json.0123456789ab.tmp', '.model.notours.tmp'];
    for (const name of left) {
      await fs.writeFile(join(folder, name), '');
      await age(join(folder, name), 2);
    }
    await removeTemporaryFiles(folder, 'model');
    expect((await fs.readdir(folder)).sort()).toEqual([left[2], left[1]]);
  });
});

describe('InputFile', () => {
  it('reads exact ranges and hashes pieces', async () => {
    await writeWhole(join(folder, 'a'), 'hello world');
    const input = await InputFile.open(join(folder, 'a'), 'a text');
    expect(Buffer.from(await input.read(6, 11)).toString()).toBe('world');
    await expect(input.read(6, 12)).rejects.toThrow('expected 12 bytes, got the end of the file at 11');
    const hash = createHash('sha256');
    await input.hash(hash, 0, 5);
    expect(hash.digest('hex')).toBe(sha256('hello'));
    await input.close();
  });

  it('refuses what is no regular file', async () => {
    await expect(InputFile.open(folder, 'a text')).rejects.toThrow('expected a text that can be read, got a directory');
    await expect(regularFileSize(join(folder, 'none'), 'a text')).rejects.toThrow('(ENOENT)');
    await expect(regularFileSize('/dev/null', 'a text')).rejects.toThrow('a pipe, device or socket');
  });
});

it('sha256OfFile is undefined where there is no file; updateHash takes long arrays in pieces', async () => {
  await writeWhole(join(folder, 'a'), 'content');
  expect(await sha256OfFile(join(folder, 'a'))).toBe(sha256('content'));
  expect(await sha256OfFile(join(folder, 'none'))).toBeUndefined();
  const bytes = new Uint8Array(9 * 2 ** 20).fill(7);
  const hash = createHash('sha256');
  await updateHash(hash, bytes);
  expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
});

it('systemReason keeps the code and puts known ones into words', () => {
  expect(systemReason(Object.assign(new Error('x'), { code: 'ENOSPC' }))).toBe('no space left on the device (ENOSPC)');
  expect(systemReason(new Error('plain'))).toBe('plain');
});

describe('downloadOnce', () => {
  let server: Server;
  let url: string;
  let requests: number;
  beforeEach(async () => {
    requests = 0;
    server = createServer((request, response) => {
      requests++;
      response.statusCode = request.url === '/none' ? 404 : 200;
      response.end('weights');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => void server.close());

  it('fetches once, and again when the file has changed', async () => {
    const request = { url: `${url}/a`, sha256: sha256('weights').toUpperCase(), folder, extension: '.bin' };
    const file = await downloadOnce(request, 'test');
    expect(file).toBe(join(folder, `${sha256('weights')}.bin`));
    await downloadOnce(request, 'test');
    expect(requests).toBe(1);
    await fs.writeFile(file, 'damaged');
    await downloadOnce(request, 'test');
    expect([requests, await fs.readFile(file, 'utf8')]).toEqual([2, 'weights']);
  });

  it('tells how far it is', async () => {
    const progress: DownloadProgress[] = [];
    const onProgress = (state: DownloadProgress): void => void progress.push(state);
    await downloadOnce({ url: `${url}/a`, sha256: sha256('weights'), folder, onProgress }, 'test');
    expect(progress.at(-1)).toEqual({ url: `${url}/a`, bytes: 7, totalBytes: 7 });
    expect(contentBytes(new Headers())).toBeUndefined();
    expect(contentBytes(new Headers({ 'content-length': '9', 'content-encoding': 'gzip' }))).toBeUndefined();
  });

  it('keeps nothing of another content, and names the address', async () => {
    const other = downloadOnce({ url: `${url}/a`, sha256: sha256('other'), folder }, 'test');
    await expect(other).rejects.toThrow(`${url}/a: expected a file with SHA-256 ${sha256('other')}`);
    const none = downloadOnce({ url: `${url}/none`, sha256: sha256('other'), folder }, 'test');
    await expect(none).rejects.toThrow('status 404 Not Found');
    expect(await fs.readdir(folder)).toEqual([]);
  });

  it('says what cannot be an address or a checksum', async () => {
    await expect(downloadOnce({ url: 'ftp://x', sha256: sha256('a'), folder }, 'test')).rejects.toThrow(ConfigError);
    await expect(downloadOnce({ url, sha256: 'abc', folder }, 'test')).rejects.toThrow('64 hexadecimal digits');
  });
});
