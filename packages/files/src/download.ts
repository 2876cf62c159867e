import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ConfigError, DataError } from '@vitvq/core';
import { sha256OfFile } from './sha256.js';
import { removeTemporaryFiles, writeAtomically, type OutputFile } from './write-atomically.js';
import { createFolder } from './folder.js';

/** State of a download that is under way. */
export interface DownloadProgress {
  /** Address of the file. */
  readonly url: string;
  /** Number of bytes that have arrived. */
  readonly bytes: number;
  /** Number of bytes of the file; undefined where the server does not tell it. */
  readonly totalBytes: number | undefined;
}

/** A file on the web that is downloaded once. */
export interface Download {
  /**
   * Address that begins with `https:` or `http:`; the checksum guards the content in both cases.
   */
  readonly url: string;
  /** SHA-256 of the file, 64 hexadecimal digits. Any other content is refused. */
  readonly sha256: string;
  /** Folder that keeps the file. It is created when it is missing. */
  readonly folder: string;
  /** Ending of the name that the file gets in the folder, such as `.safetensors`. @default '' */
  readonly extension?: string;
  /** Called after each piece that arrives. @default does nothing */
  readonly onProgress?: (progress: DownloadProgress) => void;
}

/** Result of {@link receive}. */
export interface Received {
  /** SHA-256 of the body in hexadecimal digits. */
  readonly sha256: string;
  /** Number of bytes of the body. */
  readonly bytes: number;
}

/**
 * Returns the path of a downloaded file, which is fetched unless the folder holds it already. The
 * content of a file in the folder is checked on every call, and the file is fetched again when it
 * differs. Memory holds one piece of the file at a time. Several processes may download the same
 * file at once: each writes a temporary file, and the last rename wins.
 * @param where  name of the caller, for errors
 * @throws {ConfigError} for a URL or a checksum that cannot be one
 * @throws {DataError} naming the address: no answer, another checksum, or a folder that cannot be
 *   written to
 */
export async function downloadOnce(
  { url, sha256, folder, extension = '', onProgress = () => undefined }: Download,
  where: string,
): Promise<string> {
  assertDownload(url, sha256, where);
  const wanted = sha256.toLowerCase();
  const file = join(folder, `${wanted}${extension}`);
  if ((await sha256OfFile(file)) === wanted) return file;
  try {
    await createFolder(folder);
    await removeTemporaryFiles(folder);
    const { body, totalBytes } = await request(url);
    await writeAtomically(file, async (output) => {
      const { sha256: got } = await receive(body, output, (bytes) => onProgress({ url, bytes, totalBytes }));
      if (got === wanted) return;
      throw new DataError({
        where: url,
        expected: `a file with SHA-256 ${wanted}`,
        got,
        fix: 'The file was changed or is another one. Nothing was kept.',
      });
    });
    return file;
  } catch (error) {
    if (error instanceof DataError) throw error;
    const { message, cause } = error as Error;
    const reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
    throw new DataError(
      { where: url, expected: `to download it to ${folder}`, got: reason, fix: 'Or name a file that you have.' },
      { cause: error },
    );
  }
}

/**
 * Appends what a server sends to a file that is being written, one piece at a time.
 * @param onBytes  called with the number of bytes after each piece; an error that it throws ends
 *   the transfer
 */
export async function receive(
  body: ReadableStream<Uint8Array>,
  output: OutputFile,
  onBytes: (bytes: number) => void,
): Promise<Received> {
  const hash = createHash('sha256');
  const reader = body.getReader();
  let bytes = 0;
  try {
    for (;;) {
      const { value: piece } = await reader.read();
      if (!piece) return { sha256: hash.digest('hex'), bytes };
      bytes += piece.length;
      onBytes(bytes);
      hash.update(piece);
      await output.append(piece);
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    throw error;
  }
}

/**
 * Returns the number of bytes that an answer announces. It is undefined where the server announces
 * none or compresses the content, whose size is another one then.
 */
export function contentBytes(headers: Headers): number | undefined {
  const length = headers.get('content-length');
  return length === null || headers.has('content-encoding') ? undefined : Number(length);
}

interface Answer {
  readonly body: ReadableStream<Uint8Array>;
  readonly totalBytes: number | undefined;
}

async function request(url: string): Promise<Answer> {
  const response = await fetch(url);
  if (response.ok && response.body) return { body: response.body, totalBytes: contentBytes(response.headers) };
  throw new DataError({
    where: url,
    expected: 'the server to send the file',
    got: `status ${response.status} ${response.statusText}`.trim(),
  });
}

function assertDownload(url: string, sha256: string, where: string): void {
  if (!/^[0-9a-f]{64}$/i.test(sha256)) {
    throw new ConfigError({ where, expected: 'sha256 of 64 hexadecimal digits', got: JSON.stringify(sha256) });
  }
  if (!URL.canParse(url) || !['https:', 'http:'].includes(new URL(url).protocol)) {
    throw new ConfigError({ where, expected: 'url to begin with https://', got: JSON.stringify(url) });
  }
}
