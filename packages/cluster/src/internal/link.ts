import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import {
  encodeMessage,
  MessageKind,
  MessageReader,
  ProtocolError,
  type Message,
  type MessageFields,
} from './message.js';

/** Bytes that wait for a process beyond which nothing more is read from it. */
const maximumBacklog = 64 * 2 ** 20;
/** How long a connection that is closed may take to send what it holds. */
const closingMilliseconds = 2_000;

/** What a connection tells its owner. */
export interface LinkEvents {
  /** Takes a message. What is thrown ends the connection, with the message as the reason. */
  message(message: Message): void;
  /**
   * Is called once when the connection has ended, however it did. Where nothing was heard, messages
   * may still be sent: a process that goes on later reads them.
   */
  ended(reason: string): void;
}

/** A connection to another process, as messages, with signs of life in both directions. */
export class Link {
  readonly #socket: Socket;
  readonly #reader: MessageReader;
  readonly #events: LinkEvents;
  #reason: string | undefined;
  #isEnded = false;
  #silence = 0;
  #watch: NodeJS.Timeout | undefined;

  constructor(socket: Socket, maximumFrameBytes: number, events: LinkEvents) {
    this.#socket = socket;
    this.#reader = new MessageReader(maximumFrameBytes);
    this.#events = events;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('drain', () => {
      this.#silence = 0;
      socket.resume();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason ??= `its connection broke (${error.code ?? error.message})`;
    });
    socket.on('close', () => this.#end());
  }

  /** Resolves when nothing more can be sent or received. */
  get closed(): Promise<void> {
    if (this.#socket.closed) return Promise.resolve();
    return new Promise((resolve) => this.#socket.once('close', () => resolve()));
  }

  /** Takes frames of at most so many bytes from now on. */
  limit(maximumFrameBytes: number): void {
    this.#reader.maximumBytes = maximumFrameBytes;
  }

  /** Sends a message; nothing happens after the end of the connection. */
  send(message: MessageFields): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.write(encodeMessage(message));
    if (this.#socket.writableLength > maximumBacklog) this.#socket.pause();
  }

  /**
   * Sends signs of life from now on, and ends the connection once none came for so long. Time is
   * counted in the steps of the own timer: while this process itself stands still, it hears nobody.
   */
  watch(hangMilliseconds: number): void {
    const interval = hangMilliseconds / 4;
    let last = performance.now();
    this.#silence = 0;
    this.#watch = setInterval(() => {
      const now = performance.now();
      this.#silence += Math.min(now - last, 2 * interval);
      last = now;
      // After what has come in is read: for a process that stood still, it may be why the other end
      // has closed the connection, and a write to that one would fail first.
      setImmediate(() => this.send({ kind: MessageKind.beat }));
      if (this.#silence >= hangMilliseconds) {
        this.#reason ??= `nothing was heard of it for ${hangMilliseconds / 1000} s`;
        this.#end();
        void this.close();
      }
    }, interval);
  }

  /** Ends the connection after all that was sent. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.#socket.destroy(), closingMilliseconds);
    const { closed } = this;
    this.#socket.end();
    // What still comes in must be read, or the end of the connection is never seen.
    this.#socket.resume();
    await closed;
    clearTimeout(timer);
  }

  /** Ends the connection at once. */
  destroy(reason: string): void {
    this.#reason ??= reason;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#silence = 0;
    if (this.#reason !== undefined) return;
    this.#reader.push(chunk);
    try {
      for (let message = this.#reader.next(); message; message = this.#reader.next()) {
        if (message.kind !== MessageKind.beat) this.#events.message(message);
        if (this.#socket.destroyed) return;
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.destroy(`it sent ${error.message}`);
    }
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearInterval(this.#watch);
    this.#events.ended(this.#reason ?? 'its connection was closed, so it has ended without leaving');
  }
}
