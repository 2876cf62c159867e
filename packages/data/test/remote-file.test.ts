import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { DataError, randomInts, randomKey } from '@vitvq/core';
import { openRemoteFile, type RemoteOptions } from '../src/internal/remote-file.js';
import type { Patience } from '../src/internal/patient-request.js';

const patience: Patience = { tries: 4, firstWait: 2, longestWait: 20, stall: 150 };
const options: RemoteOptions = { cacheDirectory: undefined, signal: undefined, say: () => undefined, patience };

const content = Uint8Array.from(randomInts(randomKey(1), 300_000, 256));
const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** An answer to a request for bytes, which may go wrong. */
interface Answer {
  /** Number of the request, from 0: that of the size. */
  readonly request: number;
  readonly first: number;
  readonly part: Uint8Array;
  readonly response: ServerResponse;
  /** Sends the head and so many bytes of the part. */
  send(bytes?: number): void;
}

/** Serves the content in parts, as `answer` has it. */
async function serve(
  answer: (answer: Answer) => void,
  { tag = () => '"one"' }: { readonly tag?: (request: number) => string } = {},
): Promise<{ url: string; ranges: string[] }> {
  const ranges: string[] = [];
  const server = createServer(({ headers }, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') as unknown as [string, string, string];
    const [first, last] = [Number(from), Number(to)];
    const request = ranges.push(`${first}-${last}`) - 1;
    const part = content.subarray(first, last + 1);
    const send = (bytes = part.length): void => {
      response.writeHead(206, {
        'content-range': `bytes ${first}-${last}/${content.length}`,
        'content-length': part.length,
        etag: tag(request),
      });
      response.write(part.subarray(0, bytes), () => void (bytes === part.length ? response.end() : undefined));
    };
    answer({ request, first, part, response, send });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`, ranges };
}

describe('a file on a server in trouble', () => {
  it('is read whole through refusals, broken and stalled connections, with no byte twice', async () => {
    const { url, ranges } = await serve(({ request, part, response, send }) => {
      switch (request % 5) {
        case 1:
          response.writeHead(503, { 'retry-after': '0' }).end();
          return;
        case 2:
          // Breaks off in the middle.
          send(Math.min(50_000, part.length - 1));
          setTimeout(() => response.destroy(), 30);
          return;
        case 3:
          // Stands still in the middle.
          send(Math.min(70_000, part.length - 1));
          return;
        case 4:
          response.destroy();
          return;
        default:
          send();
      }
    });
    const file = await openRemoteFile(url, options);
    expect(file.size).toBe(content.length);
    expect(Buffer.from(await file.read(0, content.length)).equals(content)).toBe(true);
    // Each request begins where the bytes that came end.
    expect(ranges.slice(1).map((range) => Number(range.split('-')[0]))).toEqual([0, 0, 50_000, 120_000, 120_000]);
  });

  it('is read by many readers at once, of a server that is slow and fails for each of them', async () => {
    const { url } = await serve(({ request, part, response, send }) => {
      if (request > 0 && request % 3 === 0) response.writeHead(429).end();
      else if (request % 3 === 1) {
        send(Math.floor(part.length / 2));
        setTimeout(() => response.destroy(), 10);
      } else setTimeout(send, 10);
    });
    const file = await openRemoteFile(url, { ...options, patience: { ...patience, tries: 20 } });
    const size = 9_973;
    const begins = Array.from({ length: 20 }, (_, index) => index * size);
    const parts = await Promise.all(begins.map((begin) => file.read(begin, begin + size)));
    parts.forEach((part, index) => {
      expect(Buffer.from(part).equals(content.subarray(begins[index], begins[index]! + size))).toBe(true);
    });
  });

  it('goes on as long as something comes, and gives up when nothing does', async () => {
    // One byte a try, far more often than tries in a row are allowed.
    const slow = await serve(({ request, response, send, part }) => {
      send(request === 0 ? undefined : Math.min(1, part.length));
      if (part.length > 1) setTimeout(() => response.destroy(), 5);
    });
    const trickle = await openRemoteFile(slow.url, options);
    expect([...(await trickle.read(10, 22))]).toEqual([...content.subarray(10, 22)]);
    const dead = await serve(({ request, response, send }) => {
      if (request === 0) send();
      else response.writeHead(500).end();
    });
    const file = await openRemoteFile(dead.url, options);
    await expect(file.read(0, 10)).rejects.toThrow('expected an answer within 4 tries, got status 500');
    expect(dead.ranges).toHaveLength(1 + 4);
    const silent = await serve(({ request, send }) => {
      if (request === 0) send();
    });
    const waiting = await openRemoteFile(silent.url, { ...options, patience: { ...patience, tries: 2 } });
    await expect(waiting.read(0, 10)).rejects.toThrow('nothing for 0.15 seconds');
  });

  it('is refused once it has been replaced, and where other bytes come', async () => {
    const replaced = await serve(({ send }) => send(), { tag: (request) => (request < 2 ? '"one"' : '"two"') });
    const file = await openRemoteFile(replaced.url, options);
    await file.read(0, 10);
    const refused = file.read(10, 20);
    await expect(refused).rejects.toBeInstanceOf(DataError);
    await expect(refused).rejects.toThrow(/version "one", got 300000 bytes, version "two".*replaced on the server/s);
    const wrong = await serve(({ request, response, send }) => {
      if (request === 0) send();
      else {
        response
          .writeHead(206, { 'content-range': `bytes 0-9/${content.length}`, etag: '"one"' })
          .end(content.subarray(0, 10));
      }
    });
    const other = await openRemoteFile(wrong.url, options);
    await expect(other.read(5, 15)).rejects.toThrow('other bytes than those that were asked for');
  });

  it('is left at once when the signal says so', async () => {
    const { url } = await serve(({ request, send }) => {
      if (request === 0) send();
    });
    const controller = new AbortController();
    const file = await openRemoteFile(url, { ...options, signal: controller.signal });
    const reading = file.read(0, 10);
    setTimeout(() => controller.abort(new Error('stopped')), 20);
    await expect(reading).rejects.toThrow('stopped');
  });
});
