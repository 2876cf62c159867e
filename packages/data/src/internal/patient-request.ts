import { randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { ConfigError, DataError } from '@vitvq/core';

/** How long a server is waited for. */
export interface Patience {
  /** Tries in a row that bring nothing new before the error counts. */
  readonly tries: number;
  /** Milliseconds before the second try; each further one waits twice as long. */
  readonly firstWait: number;
  /** Milliseconds of the longest wait, also where the server asks for a longer one. */
  readonly longestWait: number;
  /** Milliseconds without a byte after which a request is given up and made again. */
  readonly stall: number;
}

/** Enough for a server that restarts: about half a minute of tries. */
export const usualPatience: Patience = { tries: 8, firstWait: 200, longestWait: 20_000, stall: 30_000 };

/** An answer that may be another one at the next try. */
export class Interrupted extends Error {
  /** Milliseconds that the server asks to wait; undefined where it does not. */
  readonly askedWait: number | undefined;

  constructor(message: string, askedWait?: number) {
    super(message);
    this.askedWait = askedWait;
  }
}

/** A request, and what its user may do about it. */
export interface PatientRequest {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly patience: Patience;
  readonly signal: AbortSignal | undefined;
}

/**
 * Asks a server and gives its answer to `use`, which calls `alive` for each piece that comes; a
 * server that sends nothing for too long is left.
 * @throws {Interrupted} for what another try may bring
 * @throws {DataError} for an answer that will stay as it is
 */
export async function request<T>(
  { url, headers, patience, signal }: PatientRequest,
  use: (response: Response, alive: () => void) => T | Promise<T>,
): Promise<T> {
  const left = new AbortController();
  const timer = setTimeout(() => left.abort(), patience.stall);
  try {
    const response = await fetch(url, {
      // A compressed answer would have other positions.
      headers: { ...headers, 'accept-encoding': 'identity' },
      signal: AbortSignal.any([left.signal, ...(signal ? [signal] : [])]),
    });
    timer.refresh();
    try {
      if (response.ok && response.body) return await use(response, () => timer.refresh());
      const status = `status ${response.status} ${response.statusText}`.trim();
      if (response.status >= 500 || response.status === 429 || response.status === 408) {
        throw new Interrupted(status, waitOf(response.headers.get('retry-after')));
      }
      throw refusal(url, 'the server to send the file', status);
    } finally {
      if (response.body && !response.body.locked) await response.body.cancel().catch(() => undefined);
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (left.signal.aborted) throw new Interrupted(`nothing for ${patience.stall / 1000} seconds`);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Returns the milliseconds of a header `Retry-After`, seconds or a date; undefined for others. */
function waitOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : undefined;
}

/** Returns the error for an answer that will stay as it is. */
export function refusal(url: string, expected: string, got: string, fix?: string): DataError {
  return new DataError({ where: url, expected, got, ...(fix !== undefined && { fix }) });
}

/**
 * Does some work until it succeeds, with longer and longer breaks.
 * @param progressOf  returns what earlier tries have brought: while it grows, tries are not counted
 * @throws {DataError} once as many tries in a row have brought nothing
 */
export async function patiently<T>(
  { url, patience, signal }: Omit<PatientRequest, 'headers'>,
  work: () => Promise<T>,
  progressOf: () => number = () => 0,
): Promise<T> {
  let failed = 0;
  for (;;) {
    const before = progressOf();
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof DataError || error instanceof ConfigError) throw error;
      failed = progressOf() > before ? 1 : failed + 1;
      if (failed === patience.tries) throw givenUp(url, patience, error);
      const asked = error instanceof Interrupted ? error.askedWait : undefined;
      // Spread, so that many readers that failed together do not come again together.
      const usual = patience.firstWait * 2 ** (failed - 1) * (1 + randomInt(500) / 1000);
      await wait(Math.min(asked ?? usual, patience.longestWait), undefined, { signal });
    }
  }
}

function givenUp(url: string, { tries }: Patience, error: unknown): DataError {
  const { message, cause } = error as Error;
  const got = cause instanceof Error ? `${message}: ${cause.message}` : message;
  const fix = 'Check the address and the network.';
  return new DataError({ where: url, expected: `an answer within ${tries} tries`, got, fix }, { cause: error });
}
