import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { systemReason } from '@vitvq/files';
import { parseLogLine } from './internal/log-lines.js';
import { METRICS_LOG_FILE } from './internal/metrics-log.js';
import { ThinnedLog } from './internal/thinned-log.js';
import type { TrainingLogEntry } from './read-training-log.js';

/** What a training has logged so far. */
export interface FollowedLog {
  /** Of each event evenly thinned, in order. */
  readonly entries: readonly TrainingLogEntry[];
  /** The last entry of each event. */
  readonly newest: ReadonlyMap<string, TrainingLogEntry>;
  /** Time of the last change of the file in milliseconds; undefined before there is one. */
  readonly changedAt: number | undefined;
}

/** Entries of each event that are kept: more cannot be told apart in a chart. */
const keptEntries = 2000;

/** Bytes that are read at once. */
const pieceBytes = 2 ** 20;
const lineBreak = 0x0a;

/**
 * Follows the log of a training while it grows: each call reads what is new, so that a run of weeks
 * costs no more than one of minutes. Lines that are no entries are passed over, and a log that was
 * cut back or replaced, as a resumed run does, is read from its beginning.
 */
export class TrainingLogFollower {
  readonly #file: string;
  #log = new ThinnedLog(keptEntries);
  #newest = new Map<string, TrainingLogEntry>();
  /** Identifies the file that is followed. */
  #inode: number | undefined;
  #offset = 0;
  /** Beginning of a line whose end is not written yet. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(directory: string) {
    this.#file = join(directory, METRICS_LOG_FILE);
  }

  /** Reads what is new. @throws {DataError} for a log that is there and cannot be read */
  async read(): Promise<FollowedLog> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(this.#file, 'r');
      const { ino, size, mtimeMs } = await handle.stat();
      if (ino !== this.#inode || size < this.#offset) this.#startOver(ino);
      while (this.#offset < size) await this.#take(handle, Math.min(pieceBytes, size - this.#offset));
      return this.#state(mtimeMs);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        this.#startOver(undefined);
        return this.#state(undefined);
      }
      throw new DataError(
        { where: this.#file, expected: 'a log that can be read', got: systemReason(error) },
        { cause: error },
      );
    } finally {
      await handle?.close();
    }
  }

  #startOver(inode: number | undefined): void {
    this.#inode = inode;
    this.#log = new ThinnedLog(keptEntries);
    this.#newest = new Map();
    this.#offset = 0;
    this.#rest = new Uint8Array(0);
  }

  #state(changedAt: number | undefined): FollowedLog {
    return { entries: this.#log.entries(), newest: new Map(this.#newest), changedAt };
  }

  async #take(handle: FileHandle, count: number): Promise<void> {
    const piece = Buffer.alloc(count);
    const { bytesRead } = await handle.read(piece, 0, count, this.#offset);
    this.#offset += bytesRead;
    const bytes = Buffer.concat([this.#rest, piece.subarray(0, bytesRead)]);
    const end = bytes.lastIndexOf(lineBreak) + 1;
    this.#rest = bytes.subarray(end);
    for (const line of bytes.toString('utf8', 0, end).split('\n')) {
      const entry = parseLogLine(line);
      if (!entry) continue;
      this.#log.add(entry);
      this.#newest.set(entry.event, entry);
    }
  }
}
