import { ConfigError, DataError, assertInRange, assertInteger, type RgbImage } from '@vitvq/core';
import type { AppendOnlyFile } from '@vitvq/files';
import { createEventFile } from './internal/event-file.js';
import { encodeEvent, type EventContent } from './internal/event.js';
import { countHistogram } from './internal/histogram.js';
import { copyImage, describePng, encodePicture } from './internal/picture.js';
import { RecordFramer } from './internal/record.js';

/** Options of `TensorBoardWriter.open`. */
export interface TensorBoardWriterOptions {
  /**
   * The first step that a resumed run writes. Readers drop what earlier files of the folder say
   * about this step and later ones. A run that resumes after 500 steps passes 501.
   */
  readonly startStep?: number;
  /** Longest time in seconds between adding an event and writing it. @default 10 */
  readonly flushSeconds?: number;
  /** Number of bytes that may wait for a full or slow disk. @default 64 MiB */
  readonly maximumPendingBytes?: number;
}

/** An event that is not in the file yet. Its picture is compressed when the event is written. */
interface PendingEvent {
  readonly bytes: number;
  readonly encode: () => Uint8Array;
}

/**
 * Number of bytes of one write. A queue of this size is written without waiting for `flushSeconds`.
 */
const pieceBytes = 2 ** 20;

/**
 * Writes an event file that TensorBoard shows while it grows. Adding an event puts it into a queue,
 * in the order of the calls. The queue is written every `flushSeconds`, by `flush` and by `close`;
 * writing does not block the event loop. A process that is killed loses the events of the queue;
 * readers stop before a last record that was cut short.
 *
 * When the disk is full, the events wait and the next write tries again. `flush` and `close` then
 * reject with the reason, and adding an event throws once `maximumPendingBytes` wait. Only one
 * process at a time may write to a folder.
 */
export class TensorBoardWriter {
  readonly #file: AppendOnlyFile;
  readonly #framer: RecordFramer;
  readonly #flushMilliseconds: number;
  readonly #maximumPendingBytes: number;
  readonly #pending: PendingEvent[] = [];
  #pendingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Resolves when every write that was started has ended, with or without an error. */
  #writing: Promise<unknown> = Promise.resolve();
  /** The error of the last write, if it failed. */
  #failure: unknown;
  #closing: Promise<void> | undefined;

  private constructor(file: AppendOnlyFile, framer: RecordFramer, flushSeconds: number, maximumPendingBytes: number) {
    this.#file = file;
    this.#framer = framer;
    this.#flushMilliseconds = flushSeconds * 1000;
    this.#maximumPendingBytes = maximumPendingBytes;
  }

  /**
   * Creates an event file in a folder. Creates the folder if it does not exist; existing files stay
   * as they are.
   * @throws {DataError} when the file cannot be written
   * @throws {ConfigError} for options out of range
   */
  static async open(
    directory: string,
    { startStep, flushSeconds = 10, maximumPendingBytes = 64 * 2 ** 20 }: TensorBoardWriterOptions = {},
  ): Promise<TensorBoardWriter> {
    const where = 'TensorBoardWriter.open';
    if (startStep !== undefined) assertInteger(startStep, 'startStep', where, 0, Number.MAX_SAFE_INTEGER);
    assertInRange(flushSeconds, 'flushSeconds', where, 0, 86_400);
    assertInteger(maximumPendingBytes, 'maximumPendingBytes', where, 1, Number.MAX_SAFE_INTEGER);
    const writer = new TensorBoardWriter(
      await createEventFile(directory),
      await RecordFramer.create(),
      flushSeconds,
      maximumPendingBytes,
    );
    writer.#add('open', 0, { kind: 'version' });
    if (startStep !== undefined) writer.#add('open', startStep, { kind: 'start' });
    try {
      await writer.flush();
    } catch (error) {
      await writer.close().catch(() => undefined); // fails for the same reason as `flush`
      throw error;
    }
    return writer;
  }

  /** Path of the event file. */
  get file(): string {
    return this.#file.path;
  }

  /**
   * Adds a point of a curve.
   * @param tag  name of the curve; TensorBoard groups tags by the text before the first `/`
   * @param value  stored as float32; NaN and infinities are stored as such
   * @throws {ConfigError} when the writer is closed, for an empty tag, and unless the step is an
   * integer of at least 0
   */
  scalar(tag: string, value: number, step: number): void {
    this.#add('scalar', step, { kind: 'scalar', tag, value });
  }

  /**
   * Adds a picture.
   * @param image  pixels, which are copied, or the bytes of a PNG file
   * @throws {ShapeError} when the values do not fill the image
   * @throws {DataError} for bytes that are not a PNG file
   */
  image(tag: string, image: RgbImage | Uint8Array, step: number): void {
    const where = 'TensorBoardWriter.image';
    if (image instanceof Uint8Array) {
      this.#add('image', step, { kind: 'image', tag, picture: describePng(image, where) });
      return;
    }
    const copy = copyImage(image, where);
    this.#assertWritable('image', step, tag);
    const wallTime = Date.now() / 1000;
    this.#enqueue('image', copy.data.length, () =>
      this.#framer.frame(encodeEvent(wallTime, step, { kind: 'image', tag, picture: encodePicture(copy) })),
    );
  }

  /**
   * Adds the distribution of values. The values are counted during the call; no copy is kept.
   * @throws {DataError} for a value that is not finite, and without values
   */
  histogram(tag: string, values: ArrayLike<number>, step: number): void {
    const histogram = countHistogram(values, `TensorBoardWriter.histogram("${tag}")`);
    this.#add('histogram', step, { kind: 'histogram', tag, histogram });
  }

  /** Adds a text. @param text  Markdown */
  text(tag: string, text: string, step: number): void {
    this.#add('text', step, { kind: 'text', tag, text });
  }

  /**
   * Writes the queue and waits until the disk has stored it.
   * @throws {DataError} naming the file and the system's reason; the events stay in the queue for
   * the next attempt
   */
  async flush(): Promise<void> {
    this.#assertOpen('flush');
    await this.#write(true);
  }

  /**
   * Writes the queue and closes the file; a second call does nothing more.
   * @throws {DataError} naming the file, the system's reason and the number of events that are lost
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#finish());
  }

  async #finish(): Promise<void> {
    try {
      await this.#write(true);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      const { where, expected, got } = error;
      throw new DataError({ where, expected, got, fix: `${this.#pending.length} events are lost.` }, { cause: error });
    }
  }

  #add(method: string, step: number, content: EventContent): void {
    this.#assertWritable(method, step, 'tag' in content ? content.tag : undefined);
    const record = this.#framer.frame(encodeEvent(Date.now() / 1000, step, content));
    this.#enqueue(method, record.length, () => record);
  }

  #assertWritable(method: string, step: number, tag: string | undefined): void {
    this.#assertOpen(method);
    assertInteger(step, 'step', `TensorBoardWriter.${method}`, 0, Number.MAX_SAFE_INTEGER);
    if (tag === '') {
      throw new ConfigError({ where: `TensorBoardWriter.${method}`, expected: 'a tag', got: 'an empty string' });
    }
  }

  #assertOpen(method: string): void {
    if (!this.#closing) return;
    throw new ConfigError({
      where: `TensorBoardWriter.${method}`,
      expected: 'an open writer',
      got: `a closed one (${this.#file.path})`,
      fix: 'Open another writer; it writes its own file into the same folder.',
    });
  }

  #enqueue(method: string, bytes: number, encode: PendingEvent['encode']): void {
    if (this.#pendingBytes + bytes > this.#maximumPendingBytes) {
      const failure = this.#failure instanceof Error ? this.#failure : undefined;
      throw new DataError(
        {
          where: `TensorBoardWriter.${method}`,
          expected: `at most ${this.#maximumPendingBytes} bytes that wait to be written`,
          got: `${this.#pendingBytes + bytes}`,
          fix: failure ? `The last attempt failed: ${failure.message}` : 'Await flush() now and then.',
        },
        { cause: failure },
      );
    }
    this.#pending.push({ bytes, encode });
    this.#pendingBytes += bytes;
    this.#scheduleWrite();
  }

  /**
   * Schedules the next write: at once when much waits, else in `flushSeconds`, and so after a
   * failure as well.
   */
  #scheduleWrite(): void {
    if (this.#closing) return;
    const soon = this.#pendingBytes >= pieceBytes && this.#failure === undefined;
    if (this.#timer && !soon) return;
    clearTimeout(this.#timer);
    const attempt = (): void => {
      this.#timer = undefined;
      // Not swallowed: the events wait for the next attempt, and flush, close or a full queue
      // report the reason.
      this.#write(false).catch(() => undefined);
    };
    // A log alone does not keep a process alive.
    this.#timer = setTimeout(attempt, soon ? 0 : this.#flushMilliseconds).unref();
  }

  /** Writes the queue after all writes that were started before. */
  #write(sync: boolean): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const attempt = this.#writing.then(async () => {
      try {
        await this.#writePending();
        if (sync) await this.#file.sync();
        this.#failure = undefined;
      } catch (error) {
        this.#failure = error;
        throw error;
      }
    });
    this.#writing = attempt.catch(() => this.#scheduleWrite());
    return attempt;
  }

  async #writePending(): Promise<void> {
    while (this.#pending.length > 0) {
      const records: Uint8Array[] = [];
      let bytes = 0;
      for (const { encode } of this.#pending) {
        const record = encode();
        records.push(record);
        bytes += record.length;
        if (bytes >= pieceBytes) break;
      }
      await this.#file.append(Buffer.concat(records, bytes));
      for (const written of this.#pending.splice(0, records.length)) this.#pendingBytes -= written.bytes;
    }
  }
}
