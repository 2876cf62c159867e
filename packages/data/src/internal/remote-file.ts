import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { ConfigError, DataError } from '@vitvq/core';
import { contentBytes, createFolder, receive, writeAtomically } from '@vitvq/files';
import { closedFile, type ByteRange } from './byte-range.js';

/** How a file on the web is opened. */
export interface RemoteOptions {
  /** Folder that keeps files of servers that do not send parts; undefined: such are refused. */
  readonly cacheDirectory: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly say: (line: string) => void;
}

/** Number of tries of a request before its error counts. */
const TRIES = 5;

/** Milliseconds before the second try; each further one waits twice as long. */
const FIRST_WAIT = 100;

/** Returns whether a text is an address on the web. */
export function isAddress(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

/**
 * Opens a file on the web. Where the server sends parts (HTTP Range), reads ask for just those;
 * otherwise the whole file is downloaded once. Requests that fail are tried again.
 * @throws {DataError} naming the address @throws {ConfigError} without a folder to download to
 */
export async function openRemoteFile(url: string, options: RemoteOptions): Promise<ByteRange> {
  const { cacheDirectory, signal } = options;
  const kept = cacheDirectory === undefined ? undefined : join(cacheDirectory, cacheName(url));
  const keptBytes = kept === undefined ? undefined : (await stat(kept).catch(() => undefined))?.size;
  if (kept !== undefined && keptBytes !== undefined) return closedFile(kept, keptBytes, 'a downloaded file');
  const size = await sizeByRange(url, signal);
  if (size !== undefined) {
    return { name: url, size, read: (begin, end) => requestRange(url, begin, end, signal) };
  }
  if (cacheDirectory === undefined || kept === undefined) {
    throw new ConfigError({
      where: url,
      expected: 'cacheDirectory, because the server sends whole files only',
      got: 'none',
      fix: 'Name a folder with room for the files.',
    });
  }
  await createFolder(cacheDirectory);
  await download(url, kept, options);
  return closedFile(kept, (await stat(kept)).size, 'a downloaded file');
}

function cacheName(url: string): string {
  const digest = createHash('sha256').update(url).digest('hex').slice(0, 16);
  const name = basename(new URL(url).pathname).replace(/[^\w.-]/g, '_');
  return `${digest}-${name}`;
}

/** Returns the number of bytes of a file whose server sends parts; undefined for other servers. */
async function sizeByRange(url: string, signal: AbortSignal | undefined): Promise<number | undefined> {
  const total = await tried(url, signal, async () => {
    const response = await request(url, { range: 'bytes=0-0' }, signal);
    await response.body?.cancel();
    return response.status === 206 ? /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1] : undefined;
  });
  return total === undefined ? undefined : Number(total);
}

async function requestRange(
  url: string,
  begin: number,
  end: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  if (begin === end) return new Uint8Array(0);
  return tried(url, signal, async () => {
    const response = await request(url, { range: `bytes=${begin}-${end - 1}` }, signal);
    if (response.status !== 206 || !response.headers.get('content-range')?.startsWith(`bytes ${begin}-${end - 1}/`)) {
      await response.body?.cancel();
      throw refusal(url, `the bytes ${begin} to ${end - 1}`, 'other bytes than those that were asked for');
    }
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (bytes.length === end - begin) return bytes;
    throw new Interrupted(`${bytes.length} of ${end - begin} bytes`);
  });
}

async function download(url: string, file: string, { signal, say }: RemoteOptions): Promise<void> {
  await tried(url, signal, async () => {
    const response = await request(url, {}, signal);
    const totalBytes = contentBytes(response.headers);
    say(`downloading ${url}${totalBytes === undefined ? '' : `, ${Math.ceil(totalBytes / 1e6)} MB`}`);
    await writeAtomically(file, async (output) => {
      const { bytes } = await receive(response.body!, output, () => signal?.throwIfAborted());
      if (totalBytes !== undefined && bytes !== totalBytes) throw new Interrupted(`${bytes} of ${totalBytes} bytes`);
    });
  });
}

/** An answer that may be another one at the next try. */
class Interrupted extends Error {}

async function request(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<Response> {
  // A compressed answer would have other positions.
  const response = await fetch(url, { headers: { ...headers, 'accept-encoding': 'identity' }, signal });
  if (response.ok && response.body) return response;
  await response.body?.cancel();
  const status = `status ${response.status} ${response.statusText}`.trim();
  if (response.status >= 500 || response.status === 429 || response.status === 408) throw new Interrupted(status);
  throw refusal(url, 'the server to send the file', status);
}

function refusal(url: string, expected: string, got: string): DataError {
  return new DataError({ where: url, expected, got });
}

/** Does some work until it succeeds, a few times, with longer and longer breaks. */
async function tried<T>(url: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof DataError || error instanceof ConfigError) throw error;
      if (attempt === TRIES) {
        const { message, cause } = error as Error;
        const reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
        throw new DataError(
          {
            where: url,
            expected: `an answer within ${TRIES} tries`,
            got: reason,
            fix: 'Check the address and the network.',
          },
          { cause: error },
        );
      }
      await wait(FIRST_WAIT * 2 ** (attempt - 1), undefined, { signal });
    }
  }
}
