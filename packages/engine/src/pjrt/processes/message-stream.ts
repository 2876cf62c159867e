import type { Cluster } from '@vitvq/cluster';

/** The store of a run, as far as streams need it. */
export type StreamStore = Pick<Cluster, 'put' | 'get' | 'delete'>;

/** Pieces of one stream that the store holds at the same time. */
export const piecesAtOnce = 2;

/** A stream may be silent for as long as a step takes: the loss of a process ends the wait. */
export const longestWait = { timeoutSeconds: 2_147_483 };
const nothing = new Uint8Array(0);

/** First byte of a piece. */
const isLast = 1;
const hasMore = 0;

const keyOf = (name: string, piece: number): string => `${name}/${piece}`;
const takenKeyOf = (name: string, piece: number): string => `${name}/${piece}/taken`;

/**
 * Sends messages of any length from one process to another through the store of a run, in their
 * order. What the other has not taken yet waits here, and no more than two pieces in the store.
 */
export class MessageSender {
  readonly #store: StreamStore;
  readonly #name: string;
  readonly #pieceBytes: number;
  readonly #underWay: Promise<void>[] = [];
  #pieces = 0;
  #sent = Promise.resolve();

  /**
   * @param name  of the stream, for which no other has been used in the run
   * @param pieceBytes  longest piece of a message that the store is given at once
   */
  constructor(store: StreamStore, name: string, pieceBytes: number) {
    this.#store = store;
    this.#name = name;
    this.#pieceBytes = pieceBytes;
  }

  /**
   * Sends a message; resolves when all of it is in the store or taken.
   * @throws {ClusterError} when a process is lost
   */
  send(message: Uint8Array): Promise<void> {
    this.#sent = this.#sent.then(() => this.#sendPieces(message));
    return this.#sent;
  }

  async #sendPieces(message: Uint8Array): Promise<void> {
    for (let start = 0; start === 0 || start < message.length; start += this.#pieceBytes) {
      const end = start + this.#pieceBytes;
      if (this.#underWay.length >= piecesAtOnce) await this.#underWay.shift();
      const piece = this.#pieces++;
      const kind = Uint8Array.of(end >= message.length ? isLast : hasMore);
      await this.#store.put(keyOf(this.#name, piece), Buffer.concat([kind, message.subarray(start, end)]));
      const taken = this.#whenTaken(piece);
      taken.catch(() => undefined); // the next piece that waits for this one reports it
      this.#underWay.push(taken);
    }
  }

  async #whenTaken(piece: number): Promise<void> {
    await this.#store.get(takenKeyOf(this.#name, piece), longestWait);
    await this.#store.delete(keyOf(this.#name, piece));
    await this.#store.delete(takenKeyOf(this.#name, piece));
  }
}

/** Receives what a {@link MessageSender} of the same name sends in another process. */
export class MessageReceiver {
  readonly #store: StreamStore;
  readonly #name: string;
  #pieces = 0;

  /** @param name  of the stream */
  constructor(store: StreamStore, name: string) {
    this.#store = store;
    this.#name = name;
  }

  /**
   * Resolves with the next message. One call at a time.
   * @throws {ClusterError} when a process is lost
   */
  async receive(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (;;) {
      const piece = this.#pieces++;
      const value = await this.#store.get(keyOf(this.#name, piece), longestWait);
      // When the other knows it decides on its pace alone; a loss shows in the next call.
      this.#store.put(takenKeyOf(this.#name, piece), nothing).catch(() => undefined);
      parts.push(value.subarray(1));
      if (value[0] === isLast) return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    }
  }
}
