import { DataError } from '@vitvq/core';
import type { AppendOnlyFile } from './append-only-file.js';

/** Number of lines after which a log is written without being asked. */
const flushLines = 64;

/** Largest number of bytes of one write that holds more than one line. */
const pieceBytes = 2 ** 20;

/** Options of {@link LineLog}. */
export interface LineLogOptions {
  /**
   * Called once when writing begins to fail, and when lines are lost for good.
   * @param error  names the file and the system's reason
   */
  readonly onError: (error: DataError) => void;
  /** Number of bytes of lines that may wait for a full disk. @default 16 MiB */
  readonly maximumPendingBytes?: number;
}

/**
 * Lines that are appended to a file in order, whole or not at all, without holding up who writes.
 * Lines that the disk does not take wait for the next attempt; beyond `maximumPendingBytes` new
 * ones are dropped and counted. A process that is killed loses at most the lines that wait.
 */
export class LineLog {
  readonly #file: AppendOnlyFile;
  readonly #onError: LineLogOptions['onError'];
  readonly #maximumPendingBytes: number;
  readonly #lines: Uint8Array[] = [];
  #pendingBytes = 0;
  #linesSinceFlush = 0;
  #lostLines = 0;
  #isFailing = false;
  /** Resolves when every attempt that was started has ended. */
  #writing: Promise<void> = Promise.resolve();

  constructor(file: AppendOnlyFile, { onError, maximumPendingBytes = 16 * 2 ** 20 }: LineLogOptions) {
    this.#file = file;
    this.#onError = onError;
    this.#maximumPendingBytes = maximumPendingBytes;
  }

  /** Adds a line, which must hold no line break. */
  write(line: string): void {
    const bytes = new TextEncoder().encode(`${line}\n`);
    if (this.#pendingBytes + bytes.length > this.#maximumPendingBytes) this.#lostLines++;
    else {
      this.#lines.push(bytes);
      this.#pendingBytes += bytes.length;
    }
    if (++this.#linesSinceFlush >= flushLines) void this.flush();
  }

  /** Writes what waits. A failure is told and never thrown. */
  flush(): Promise<void> {
    this.#linesSinceFlush = 0;
    this.#writing = this.#writing.then(() => this.#writePending());
    return this.#writing;
  }

  /** Drops the lines that wait: the file has become that of another process. */
  drop(): void {
    this.#lines.length = 0;
    this.#pendingBytes = 0;
  }

  /** Writes what waits, and tells how many lines are lost. Nothing is written afterwards. */
  async close(): Promise<void> {
    await this.flush();
    this.#lostLines += this.#lines.length;
    this.#tellLost();
  }

  async #writePending(): Promise<void> {
    try {
      while (this.#lines.length > 0) {
        const piece = this.#nextPiece();
        await this.#file.append(Buffer.concat(piece));
        this.#lines.splice(0, piece.length);
        for (const { length } of piece) this.#pendingBytes -= length;
      }
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      if (!this.#isFailing) this.#onError(error);
      this.#isFailing = true;
      return;
    }
    this.#isFailing = false;
    this.#tellLost();
  }

  #nextPiece(): Uint8Array[] {
    let count = 1;
    let bytes = this.#lines[0]!.length;
    while (count < this.#lines.length && bytes + this.#lines[count]!.length <= pieceBytes) {
      bytes += this.#lines[count++]!.length;
    }
    return this.#lines.slice(0, count);
  }

  #tellLost(): void {
    if (this.#lostLines === 0) return;
    const got = `no room for ${this.#lostLines} lines, which are lost`;
    this.#lostLines = 0;
    this.#onError(new DataError({ where: this.#file.path, expected: 'room for every line of the log', got }));
  }
}
