import { ClusterError } from '../cluster-error.js';

/** Limits of a store. */
export interface StoreLimits {
  readonly processes: number;
  /** Longest value in bytes; also that of all values together that one gathering hands out. */
  readonly maximumValueBytes: number;
}

/** Most keys of a store. */
const maximumKeys = 100_000;
/** Most bytes of a store, as a multiple of the longest value. */
const maximumValues = 64;

/** Longest time of a timer; a number from elsewhere may be larger. */
const maximumTimer = 2 ** 31 - 1;

/** Somebody who waits. */
interface Waiter {
  resolve(value: Uint8Array): void;
  reject(error: ClusterError): void;
}

/** A gathering that not all processes have come to. */
interface Gathering {
  readonly values: Map<number, Uint8Array>;
  readonly waiters: Map<number, Waiter>;
}

/** Keys and values in memory, and the places where processes wait for each other. */
export class Store {
  readonly #limits: StoreLimits;
  readonly #values = new Map<string, Uint8Array>();
  readonly #waiting = new Map<string, Set<Waiter>>();
  readonly #gatherings = new Map<string, Gathering>();
  #bytes = 0;
  #ended: ClusterError | undefined;

  constructor(limits: StoreLimits) {
    this.#limits = limits;
  }

  /** Sets a value, which the caller does not change any more. @throws {ClusterError} when full */
  put(key: string, value: Uint8Array): void {
    this.#assertOpen();
    const { maximumValueBytes } = this.#limits;
    const before = this.#values.get(key);
    this.#assertFits(value);
    if (before === undefined && this.#values.size >= maximumKeys) {
      throw full(`at most ${maximumKeys} keys`, 'one more');
    }
    this.#addBytes(value.length - (before?.length ?? 0), maximumValues * maximumValueBytes);
    this.#values.set(key, value);
    for (const waiter of this.#waiting.get(key) ?? []) waiter.resolve(value);
  }

  /** Returns a value, or undefined for a key that is not there. */
  tryGet(key: string): Uint8Array | undefined {
    this.#assertOpen();
    return this.#values.get(key);
  }

  /** Returns a value as soon as it is there. @throws {ClusterError} after so much time */
  async get(key: string, milliseconds: number): Promise<Uint8Array> {
    this.#assertOpen();
    const value = this.#values.get(key);
    if (value !== undefined) return value;
    const waiters = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiters);
    let own: Waiter | undefined;
    try {
      return await waitAtMost(
        milliseconds,
        (waiter) => waiters.add((own = waiter)),
        () => waitedFor('Cluster.get', `the key ${JSON.stringify(key)}`, milliseconds, 'none of that name'),
      );
    } finally {
      waiters.delete(own!);
      if (waiters.size === 0 && this.#waiting.get(key) === waiters) this.#waiting.delete(key);
    }
  }

  /** Removes a key and returns whether it was there. */
  delete(key: string): boolean {
    this.#assertOpen();
    const value = this.#values.get(key);
    this.#bytes -= value?.length ?? 0;
    return this.#values.delete(key);
  }

  /**
   * Waits until all processes have called this with the same name, and gives everyone the values of
   * all, see `decodeGathered`. The name can be used again afterwards.
   * @throws {ClusterError} after so much time, naming the processes that have not come
   */
  async gather(name: string, rank: number, value: Uint8Array, milliseconds: number): Promise<Uint8Array> {
    this.#assertOpen();
    this.#assertFits(value);
    const { processes, maximumValueBytes } = this.#limits;
    const gathering = this.#gatherings.get(name) ?? { values: new Map(), waiters: new Map() };
    if (gathering.values.has(rank)) {
      throw new ClusterError({
        where: 'Cluster',
        expected: `one call at a time for ${JSON.stringify(name)} in each process`,
        got: `a second one of process ${rank}`,
        fix: 'Give the two different names, or await the first.',
      });
    }
    this.#addBytes(value.length, maximumValues * maximumValueBytes);
    this.#gatherings.set(name, gathering);
    gathering.values.set(rank, value);
    if (gathering.values.size === processes) return this.#complete(name, gathering);
    try {
      return await waitAtMost(
        milliseconds,
        (waiter) => gathering.waiters.set(rank, waiter),
        () => {
          const missing = Array.from({ length: processes }, (_, each) => each).filter(
            (each) => !gathering.values.has(each),
          );
          return waitedFor(
            'Cluster',
            `all processes at ${JSON.stringify(name)}`,
            milliseconds,
            `no ${ranksText(missing)}`,
          );
        },
      );
    } catch (error) {
      if (this.#gatherings.get(name) !== gathering) throw error;
      // Whoever waited too long has not come; the others go on waiting.
      this.#bytes -= value.length;
      gathering.values.delete(rank);
      gathering.waiters.delete(rank);
      if (gathering.values.size === 0) this.#gatherings.delete(name);
      throw error;
    }
  }

  /** Refuses everything from now on; whoever waits gets the error. */
  end(error: ClusterError): void {
    if (this.#ended) return;
    this.#ended = error;
    const waiters = [
      ...[...this.#waiting.values()].flatMap((each) => [...each]),
      ...[...this.#gatherings.values()].flatMap((gathering) => [...gathering.waiters.values()]),
    ];
    for (const waiter of waiters) waiter.reject(error);
  }

  #complete(name: string, { values, waiters }: Gathering): Uint8Array {
    this.#gatherings.delete(name);
    const { processes, maximumValueBytes } = this.#limits;
    const inOrder = Array.from({ length: processes }, (_, rank) => values.get(rank)!);
    const bytes = inOrder.reduce((sum, { length }) => sum + length, 0);
    this.#bytes -= bytes;
    if (bytes > maximumValueBytes) {
      const error = full(`at most ${maximumValueBytes} bytes together at ${JSON.stringify(name)}`, String(bytes));
      for (const waiter of waiters.values()) waiter.reject(error);
      throw error;
    }
    const gathered = encodeGathered(inOrder);
    for (const waiter of waiters.values()) waiter.resolve(gathered);
    return gathered;
  }

  #assertOpen(): void {
    if (this.#ended) throw this.#ended;
  }

  #assertFits({ length }: Uint8Array): void {
    const { maximumValueBytes } = this.#limits;
    if (length > maximumValueBytes) throw full(`a value of at most ${maximumValueBytes} bytes`, String(length));
  }

  #addBytes(bytes: number, maximum: number): void {
    if (bytes > 0 && this.#bytes + bytes > maximum) {
      throw full(`at most ${maximum} bytes in the store`, String(this.#bytes + bytes));
    }
    this.#bytes += bytes;
  }
}

/** Returns the values of all processes as one array: the length of each, then the bytes. */
function encodeGathered(values: readonly Uint8Array[]): Uint8Array {
  const head = Buffer.alloc(4 * values.length);
  values.forEach(({ length }, rank) => head.writeUInt32BE(length, 4 * rank));
  return Buffer.concat([head, ...values]);
}

/** Returns the values of all processes, by rank. @throws {ClusterError} for other bytes */
export function decodeGathered(bytes: Uint8Array, processes: number): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: Uint8Array[] = [];
  let begin = 4 * processes;
  for (let rank = 0; rank < processes && begin <= bytes.length; rank++) {
    const end = begin + view.getUint32(4 * rank);
    // A copy for each caller, who may change it.
    if (end <= bytes.length) values.push(Uint8Array.from(bytes.subarray(begin, end)));
    begin = end;
  }
  if (values.length === processes && begin === bytes.length) return values;
  throw new ClusterError({
    where: 'Cluster.gather',
    expected: `the values of ${processes} processes`,
    got: 'other bytes from process 0',
  });
}

/** Formats ranks for messages, the first ones of many. */
export function ranksText(ranks: readonly number[]): string {
  const shown = ranks.slice(0, 16).join(', ');
  const more = ranks.length > 16 ? ` and ${ranks.length - 16} more` : '';
  return `${ranks.length === 1 ? 'process' : 'processes'} ${shown}${more}`;
}

function waitAtMost(
  milliseconds: number,
  wait: (waiter: Waiter) => void,
  tooLate: () => ClusterError,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(tooLate()), Math.min(milliseconds, maximumTimer));
    wait({
      resolve: (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      reject: (error) => {
        clearTimeout(timer);
        reject(error);
      },
    });
  });
}

function waitedFor(where: string, what: string, milliseconds: number, got: string): ClusterError {
  return new ClusterError({ where, expected: `${what} within ${milliseconds / 1000} s`, got });
}

function full(expected: string, got: string): ClusterError {
  return new ClusterError({
    where: 'Cluster',
    expected,
    got,
    fix: 'The store is for small values; delete keys that nobody needs, and keep tensors in files.',
  });
}
