import { DataError } from '@vitvq/core';
import { contentBytes } from '@vitvq/files';
import { quote } from './scan-json.js';

const maximumRedirects = 5;
const sha256 = /^[0-9a-f]{64}$/;

/** Matches the name of a commit. */
export const commitName = /^[0-9a-f]{40}$/;

/** Answer of a model hub that sends a file. */
export interface HubAnswer {
  /** Address that was asked for, before any redirection. */
  readonly url: string;
  readonly body: ReadableStream<Uint8Array>;
  /** Number of bytes of the content; undefined where the server does not tell it. */
  readonly bytes: number | undefined;
  /** SHA-256 of the content; undefined where the hub does not tell it. */
  readonly sha256: string | undefined;
  /** Commit that the revision stands for; undefined where the hub does not tell it. */
  readonly commit: string | undefined;
}

/**
 * Asks a hub for a file. Redirections are followed one by one, because the hub tells the checksum
 * and the commit in the answer that redirects.
 * @throws {DataError} naming the address: no answer, no file, or a redirection that is refused
 */
export async function requestFromHub(fetch: typeof globalThis.fetch, url: string): Promise<HubAnswer> {
  let checksum: string | undefined;
  let commit: string | undefined;
  let at = url;
  for (let redirects = 0; redirects <= maximumRedirects; redirects++) {
    let response: Response;
    try {
      response = await fetch(at, { redirect: 'manual' });
    } catch (error) {
      throw unreachable(url, error);
    }
    const { headers, status, body } = response;
    const etag = headers.get('x-linked-etag')?.replace(/^W\//, '').replaceAll('"', '');
    if (etag !== undefined && sha256.test(etag)) checksum ??= etag;
    const told = headers.get('x-repo-commit') ?? '';
    if (commitName.test(told)) commit ??= told;
    const location = headers.get('location');
    if (status >= 300 && status < 400 && location !== null && URL.canParse(location, at)) {
      await body?.cancel();
      at = redirected(url, at, location);
      continue;
    }
    if (response.ok && body) return { url, body, bytes: contentBytes(headers), sha256: checksum, commit };
    await body?.cancel();
    throw new NotSentError(url, status);
  }
  throw new DataError({ where: url, expected: `at most ${maximumRedirects} redirections`, got: 'more' });
}

/** Returns the next address. @throws {DataError} for a redirection from https to anything else */
function redirected(url: string, at: string, location: string): string {
  const next = new URL(location, at);
  if (next.protocol === 'https:' || next.protocol === new URL(at).protocol) return next.href;
  throw new DataError({ where: url, expected: 'redirections that stay with https', got: quote(next.href) });
}

/** An answer of a server that does not send the file. */
export class NotSentError extends DataError {
  constructor(
    url: string,
    readonly status: number,
  ) {
    super({
      where: url,
      expected: 'the server to send the file',
      got: `status ${status}`,
      fix:
        status === 401 || status === 403
          ? 'The file is private, asks for a licence to be accepted, or is not there.'
          : undefined,
    });
  }
}

/** Returns the error of a server that does not answer, or that stops while it sends a file. */
export function unreachable(url: string, error: unknown): DataError {
  const { message, cause } = error as Error;
  return new DataError(
    {
      where: url,
      expected: 'the server to answer',
      got: cause instanceof Error ? `${message}: ${cause.message}` : message,
      fix: 'Without network, openModel takes a folder that you have.',
    },
    { cause: error },
  );
}
