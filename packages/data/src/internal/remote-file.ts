import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ConfigError } from '@vitvq/core';
import { contentBytes, createFolder, receive, writeAtomically } from '@vitvq/files';
import { closedFile, type ByteRange } from './byte-range.js';
import { Interrupted, patiently, refusal, request, usualPatience, type Patience } from './patient-request.js';

/** How a file on the web is opened. */
export interface RemoteOptions {
  /** Folder that keeps files of servers that do not send parts; undefined: such are refused. */
  readonly cacheDirectory: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly say: (line: string) => void;
  /** @default usualPatience */
  readonly patience?: Patience;
}

/** What identifies the content of a file on the web. */
interface RemoteContent {
  /** Number of bytes. */
  readonly size: number;
  /** What the server calls this content; undefined where it does not name it. */
  readonly version: string | undefined;
}

/** Returns whether a text is an address on the web. */
export function isAddress(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

/**
 * Opens a file on the web. Where the server sends parts (HTTP Range), reads ask for just those;
 * otherwise the whole file is downloaded once. Requests that fail or stall are made again, for the
 * bytes that are not there yet. A file that is replaced on the server while it is read is refused:
 * its parts would not belong together.
 * @throws {DataError} naming the address @throws {ConfigError} without a folder to download to
 */
export async function openRemoteFile(url: string, options: RemoteOptions): Promise<ByteRange> {
  const { cacheDirectory } = options;
  const kept = cacheDirectory === undefined ? undefined : join(cacheDirectory, cacheName(url));
  const keptBytes = kept === undefined ? undefined : (await stat(kept).catch(() => undefined))?.size;
  if (kept !== undefined && keptBytes !== undefined) return closedFile(kept, keptBytes, 'a downloaded file');
  const content = await contentByRange(url, options);
  if (content !== undefined) {
    return { name: url, size: content.size, read: (begin, end) => readRange(url, content, begin, end, options) };
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

/** Returns what a file is whose server sends parts; undefined for other servers. */
async function contentByRange(
  url: string,
  { signal, patience = usualPatience }: RemoteOptions,
): Promise<RemoteContent | undefined> {
  const asked = { url, patience, signal };
  return patiently(asked, () =>
    request({ ...asked, headers: { range: 'bytes=0-0' } }, ({ status, headers }) => {
      const size = totalOf(headers);
      return status === 206 && size !== undefined ? { size, version: versionOf(headers) } : undefined;
    }),
  );
}

/** Returns the bytes of the file of which a part is sent; undefined where that is not told. */
function totalOf(headers: Headers): number | undefined {
  const total = /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1];
  return total === undefined ? undefined : Number(total);
}

/** Returns what a server calls the content of a file: its tag, or the time of its last change. */
function versionOf(headers: Headers): string | undefined {
  return headers.get('etag') ?? headers.get('last-modified') ?? undefined;
}

async function readRange(
  url: string,
  content: RemoteContent,
  begin: number,
  end: number,
  { signal, patience = usualPatience }: RemoteOptions,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - begin);
  if (begin === end) return bytes;
  let have = 0;
  const asked = { url, patience, signal };
  const more = (): Promise<void> => {
    const from = begin + have;
    return request({ ...asked, headers: { range: `bytes=${from}-${end - 1}` } }, async (response, alive) => {
      assertSameContent(url, content, response.headers);
      if (response.status !== 206 || !response.headers.get('content-range')?.startsWith(`bytes ${from}-${end - 1}/`)) {
        throw refusal(url, `the bytes ${from} to ${end - 1}`, 'other bytes than those that were asked for');
      }
      for await (const piece of response.body! as AsyncIterable<Uint8Array>) {
        alive();
        if (have + piece.length > bytes.length) {
          throw refusal(url, `the bytes ${from} to ${end - 1}`, 'more than those');
        }
        bytes.set(piece, have);
        have += piece.length;
      }
      if (have < bytes.length) throw new Interrupted(`${have} of ${bytes.length} bytes`);
    });
  };
  await patiently(asked, more, () => have);
  return bytes;
}

/** @throws {DataError} for an answer of another content than the one that was opened */
function assertSameContent(url: string, { size, version }: RemoteContent, headers: Headers): void {
  const total = totalOf(headers);
  const now = versionOf(headers);
  const isOther = (total !== undefined && total !== size) || (version !== undefined && now !== version);
  if (!isOther) return;
  throw refusal(
    url,
    `the file as it was opened, ${size} bytes${version === undefined ? '' : `, version ${version}`}`,
    `${total ?? 'unknown'} bytes${now === undefined ? '' : `, version ${now}`}`,
    'It was replaced on the server meanwhile. Start again, which reads the new one from its beginning.',
  );
}

async function download(
  url: string,
  file: string,
  { signal, say, patience = usualPatience }: RemoteOptions,
): Promise<void> {
  const asked = { url, patience, signal };
  await patiently(asked, () =>
    request(asked, async (response, alive) => {
      const totalBytes = contentBytes(response.headers);
      say(`downloading ${url}${totalBytes === undefined ? '' : `, ${Math.ceil(totalBytes / 1e6)} MB`}`);
      await writeAtomically(file, async (output) => {
        const { bytes } = await receive(response.body!, output, alive);
        if (totalBytes !== undefined && bytes !== totalBytes) throw new Interrupted(`${bytes} of ${totalBytes} bytes`);
      });
    }),
  );
}
