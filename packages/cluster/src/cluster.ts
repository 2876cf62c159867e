import { ConfigError, assertInRange, assertInteger, checkOptions, type OptionTable } from '@vitvq/core';
import type { ProcessLostError } from './cluster-error.js';
import { MessageKind } from './internal/message.js';
import type { Session } from './internal/session.js';
import { decodeGathered } from './internal/store.js';

/** How long a call waits for other processes. */
export interface WaitOptions {
  /** @default `waitSeconds` of `joinCluster` */
  readonly timeoutSeconds?: number;
}

/** Options of `Cluster.broadcast`. */
export interface BroadcastOptions extends WaitOptions {
  /** Rank of the process whose value all get. @default 0 */
  readonly from?: number;
}

const waitNames: OptionTable<WaitOptions> = { timeoutSeconds: 'optional' };
const broadcastNames: OptionTable<BroadcastOptions> = { timeoutSeconds: 'optional', from: 'optional' };

/** Longest key or name in bytes of UTF-8; what is sent may have a few more in front. */
const maximumKeyBytes = 512;
/** Longest time that a timer of Node.js measures is 2^31 - 1 milliseconds. */
const maximumSeconds = 2_147_483;
const nothing = new Uint8Array(0);

/** What `joinCluster` gives to a cluster. */
export interface ClusterParts {
  readonly session: Session;
  readonly rank: number;
  readonly processes: number;
  readonly waitMilliseconds: number;
  /** Resolves when a process is lost. */
  readonly lost: Promise<ProcessLostError>;
  readonly signal: AbortSignal;
}

/**
 * A process among those of a run. Values are bytes, which are copied on the way in and out. Once a
 * process is lost, every call rejects with the `ProcessLostError`.
 */
export class Cluster {
  /** Number of this process, from 0 on. */
  readonly rank: number;
  /** Number of processes. */
  readonly processes: number;
  /** Resolves with the error, and never rejects, when another process is lost. */
  readonly lost: Promise<ProcessLostError>;
  /** Is aborted when another process is lost; its reason is the error. */
  readonly signal: AbortSignal;
  readonly #session: Session;
  readonly #waitMilliseconds: number;

  /** @internal */
  constructor({ session, rank, processes, waitMilliseconds, lost, signal }: ClusterParts) {
    this.#session = session;
    this.#waitMilliseconds = waitMilliseconds;
    this.rank = rank;
    this.processes = processes;
    this.lost = lost;
    this.signal = signal;
  }

  /** Sets the value of a key, and replaces the one that was there. */
  async put(key: string, value: Uint8Array): Promise<void> {
    await this.#session.request(MessageKind.put, checkedKey(key, 'put'), checkedValue(value, 'put'), 0);
  }

  /**
   * Returns the value of a key as soon as some process has set it.
   * @throws {ClusterError} after the timeout
   */
  async get(key: string, options: WaitOptions = {}): Promise<Uint8Array> {
    const { timeoutSeconds } = checkOptions(options, waitNames, 'Cluster.get');
    const wait = this.#milliseconds(timeoutSeconds, 'get');
    return (await this.#session.request(MessageKind.get, checkedKey(key, 'get'), nothing, wait)) ?? nothing;
  }

  /** Returns the value of a key, or undefined where no process has set it. */
  async tryGet(key: string): Promise<Uint8Array | undefined> {
    return this.#session.request(MessageKind.tryGet, checkedKey(key, 'tryGet'), nothing, 0);
  }

  /** Removes a key; returns whether it was there. */
  async delete(key: string): Promise<boolean> {
    const found = await this.#session.request(MessageKind.delete, checkedKey(key, 'delete'), nothing, 0);
    return found !== undefined;
  }

  /**
   * Waits until all processes are at the barrier of this name, which can be used again.
   * @throws {ClusterError} after the timeout, naming the processes that did not come
   */
  async barrier(name: string, options: WaitOptions = {}): Promise<void> {
    const { timeoutSeconds } = checkOptions(options, waitNames, 'Cluster.barrier');
    await this.#meet('barrier', name, nothing, timeoutSeconds);
  }

  /**
   * Returns the value of one process to all of them. Each of them calls this with the same name;
   * only that process gives a value.
   * @throws {ClusterError} after the timeout, naming the processes that did not come
   */
  async broadcast(name: string, value: Uint8Array | undefined, options: BroadcastOptions = {}): Promise<Uint8Array> {
    const { timeoutSeconds, from = 0 } = checkOptions(options, broadcastNames, 'Cluster.broadcast');
    assertInteger(from, 'from', 'Cluster.broadcast', 0, this.processes - 1);
    if ((this.rank === from) !== (value !== undefined)) {
      throw new ConfigError({
        where: 'Cluster.broadcast',
        expected: `a value in process ${from} and undefined in the others`,
        got: `${value ? 'a value' : 'undefined'} in process ${this.rank}`,
      });
    }
    return (await this.#meet(`broadcast from ${from}`, name, value ?? nothing, timeoutSeconds))[from]!;
  }

  /**
   * Returns the values of all processes, by rank, to all of them. Each calls this with the same
   * name and its own value. All values together are at most `maximumValueBytes` long.
   * @throws {ClusterError} after the timeout, naming the processes that did not come
   */
  async gather(name: string, value: Uint8Array, options: WaitOptions = {}): Promise<Uint8Array[]> {
    const { timeoutSeconds } = checkOptions(options, waitNames, 'Cluster.gather');
    return this.#meet('gather', name, value, timeoutSeconds);
  }

  /**
   * Waits until all processes leave, and closes the connections. A process that ends before all
   * have left counts as lost.
   * @throws {ClusterError} after the timeout, naming the processes that did not leave, and when one
   *   is lost meanwhile
   */
  async leave(options: WaitOptions = {}): Promise<void> {
    const { timeoutSeconds } = checkOptions(options, waitNames, 'Cluster.leave');
    await this.#session.leave(this.#milliseconds(timeoutSeconds, 'leave'));
  }

  /**
   * Tells the others at once that this process fails, and why, and closes the connections. Call
   * this before the process exits with an error; without it the others see that the connection is
   * closed, but not why.
   */
  async fail(reason: string): Promise<void> {
    if (typeof reason !== 'string') {
      throw new ConfigError({ where: 'Cluster.fail', expected: 'a reason', got: `a ${typeof reason}` });
    }
    await this.#session.fail(`it failed: ${reason.slice(0, 1_000)}`);
  }

  async #meet(
    kind: string,
    name: string,
    value: Uint8Array,
    timeoutSeconds: number | undefined,
  ): Promise<Uint8Array[]> {
    const method = kind.replace(/ .*/, '');
    const key = `${kind} ${checkedKey(name, method)}`;
    const wait = this.#milliseconds(timeoutSeconds, method);
    const all = await this.#session.request(MessageKind.gather, key, checkedValue(value, method), wait);
    return decodeGathered(all ?? nothing, this.processes);
  }

  #milliseconds(seconds: number | undefined, method: string): number {
    if (seconds === undefined) return this.#waitMilliseconds;
    assertInRange(seconds, 'timeoutSeconds', `Cluster.${method}`, 0.001, maximumSeconds);
    return Math.round(seconds * 1000);
  }
}

function checkedKey(key: string, method: string): string {
  const bytes = typeof key === 'string' ? Buffer.byteLength(key) : 0;
  if (bytes >= 1 && bytes <= maximumKeyBytes) return key;
  throw new ConfigError({
    where: `Cluster.${method}`,
    expected: `a key or name of 1 to ${maximumKeyBytes} bytes`,
    got: typeof key === 'string' ? `${bytes} bytes` : `a ${typeof key}`,
  });
}

function checkedValue(value: Uint8Array, method: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new ConfigError({
    where: `Cluster.${method}`,
    expected: 'a value as Uint8Array',
    got: `a ${typeof value}`,
    fix: 'Use new TextEncoder().encode(text), or new Uint8Array(array.buffer) for numbers.',
  });
}
