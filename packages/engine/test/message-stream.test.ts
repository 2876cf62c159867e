import { describe, expect, it } from 'vitest';
import { ClusterError, ProcessLostError } from '@vitvq/cluster';
import { streamSizes } from '../src/pjrt/processes/link-thread.js';
import { MessageReceiver, MessageSender, piecesAtOnce } from '../src/pjrt/processes/message-stream.js';
import { errorCodes, takeStoreQuestion } from '../src/pjrt/processes/store-question.js';

const pieceBytes = 1000;

/** A store within this process. */
class MemoryStore {
  readonly values = new Map<string, Uint8Array>();
  readonly #waiting = new Map<string, (value: Uint8Array) => void>();
  /** The most bytes that were held at once. */
  peakBytes = 0;

  async put(key: string, value: Uint8Array): Promise<void> {
    this.values.set(key, Uint8Array.from(value));
    this.#waiting.get(key)?.(value);
    const bytes = [...this.values.values()].reduce((sum, { length }) => sum + length, 0);
    this.peakBytes = Math.max(this.peakBytes, bytes);
  }

  async get(key: string): Promise<Uint8Array> {
    return this.values.get(key) ?? new Promise((resolve) => this.#waiting.set(key, resolve));
  }

  async tryGet(key: string): Promise<Uint8Array | undefined> {
    return this.values.get(key);
  }

  async delete(key: string): Promise<boolean> {
    return this.values.delete(key);
  }
}

const messageOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (index * 7 + length) % 251);

describe('a stream of messages', () => {
  it('carries messages of any length in their order, and leaves nothing in the store', async () => {
    const store = new MemoryStore();
    const [sender, receiver] = [new MessageSender(store, 'a', pieceBytes), new MessageReceiver(store, 'a')];
    const lengths = [0, 1, pieceBytes - 1, pieceBytes, pieceBytes + 1, 3 * pieceBytes + 5, 10];
    const sent = lengths.map((length) => sender.send(messageOf(length)));
    for (const length of lengths) {
      const received = await receiver.receive();
      expect(Buffer.compare(received, messageOf(length))).toBe(0);
    }
    await Promise.all(sent);
    await new Promise(setImmediate);
    expect([...store.values.keys()]).toEqual([]);
    // One more than what may be under way is there for a moment.
    expect(store.peakBytes).toBeLessThanOrEqual((piecesAtOnce + 1) * (pieceBytes + 1));
  });

  it('waits with what the other has not taken', async () => {
    const store = new MemoryStore();
    const sender = new MessageSender(store, 'a', pieceBytes);
    for (let count = 0; count < 10; count++) void sender.send(messageOf(8));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(store.values.size).toBe(piecesAtOnce);
  });

  it('fits a store of any number of processes', () => {
    expect(streamSizes(2)).toEqual({ maximumValueBytes: 16 * 2 ** 20, pieceBytes: 4 * 2 ** 20 });
    for (const processes of [8, 64, 1024, 65_536]) {
      const { maximumValueBytes, pieceBytes: longest } = streamSizes(processes);
      expect(maximumValueBytes).toBeLessThanOrEqual(2 ** 29); // the most that a store allows
      expect(64 * maximumValueBytes).toBeGreaterThanOrEqual(2 * processes * (piecesAtOnce + 1) * longest);
    }
  });
});

describe('the store of a plug-in', () => {
  it('keeps values under keys of any length', async () => {
    const store = new MemoryStore();
    const long = 'device '.repeat(1000);
    for (const key of ['short', long, `${long}1`]) {
      await takeStoreQuestion(store, { kind: 'put', key, value: new TextEncoder().encode(key.slice(-8)) });
    }
    const get = async (key: string) => takeStoreQuestion(store, { kind: 'get', key, milliseconds: 1000 });
    expect(await get(`${long}1`)).toEqual({ value: new TextEncoder().encode('device 1') });
    expect(await takeStoreQuestion(store, { kind: 'tryGet', key: 'short' })).toEqual({
      value: new TextEncoder().encode('short'),
    });
    for (const key of store.values.keys()) expect(Buffer.byteLength(key)).toBeLessThan(512);
  });

  it.each([
    [new ProcessLostError({ rank: 1, host: 'b', reason: 'it is gone' }, 2), errorCodes.unavailable, /it is gone/],
    [
      new ClusterError({ where: 'Cluster.get', expected: 'the key "x" within 1 s', got: 'none of that name' }),
      errorCodes.deadlineExceeded,
      /the key "x" within 1 s/,
    ],
    [new Error('unheard of'), errorCodes.internal, /unheard of/],
  ])('tells it of %s', async (error, code, message) => {
    const failing = async (): Promise<never> => {
      throw error;
    };
    const store = { put: failing, get: failing, tryGet: failing };
    const answer = await takeStoreQuestion(store, { kind: 'get', key: 'x', milliseconds: 1000 });
    expect(answer).toEqual({ code, message: expect.stringMatching(message) as string });
  });

  it('says that a key is not there', async () => {
    const answer = await takeStoreQuestion(new MemoryStore(), { kind: 'tryGet', key: 'x' });
    expect(answer).toMatchObject({ code: errorCodes.notFound });
  });
});
