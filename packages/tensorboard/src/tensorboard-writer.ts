import { ConfigError, DataError, assertInRange, assertInteger } from '@vitvq/core';
import { EventFile } from './internal/event-file.js';
import { encodeEvent, type EventContent } from './internal/event.js';
import { countHistogram } from './internal/histogram.js';
import { channelsOf, describePng, encodePicture, type RgbImage } from './internal/picture.js';
import { RecordFramer } from './internal/record.js';

export interface TensorBoardWriterOptions {
  /**
   * The first step that will be written, for a run that resumes: readers forget what earlier files of the folder say of it
   * and of later steps. A run that goes on after 500 steps gives 501.
   */
  readonly startStep?: number;
  /** Seconds until what was added is in the file. @default 10 */
  readonly flushSeconds?: number;
  /** Bytes that may wait for a full or slow disk. @default 64 MiB */
  readonly maximumPendingBytes?: number;
}

/** An event that is not in the file yet. Pictures are compressed when their turn comes. */
interface PendingEvent {
  readonly bytes: number;
  readonly encode: () => Uint8Array | Promise<Uint8Array>;
}

/** Written at once, and what need not wait for its time. */
const pieceBytes = 2 ** 20;

/**
 * Writes an event file that TensorBoard shows as it grows. Adding an event only puts it into a queue, in the order of the
 * calls; the file is written beside the event loop every `flushSeconds`, by `flush` and by `close`. A process that is killed
 * loses what came after the last of these; should the last record of the file be cut short, readers stop before it.
 *
 * When the disk is full, events wait and are tried again; `flush` and `close` say what is wrong, and so does adding an event
 * once `maximumPendingBytes` wait. One process at a time writes to a folder.
 */
export class TensorBoardWriter {
  readonly #file: EventFile;
  readonly #framer: RecordFramer;
  readonly #flushMilliseconds: number;
  readonly #maximumPendingBytes: number;
  readonly #pending: PendingEvent[] = [];
  #pendingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Ends when all writes that were begun have ended, well or not. */
  #writing: Promise<unknown> = Promise.resolve();
  /** Why the last write failed. */
  #failure: unknown;
  #closing: Promise<void> | undefined;

  private constructor(file: EventFile, framer: RecordFramer, flushSeconds: number, maximumPendingBytes: number) {
    this.#file = file;
    this.#framer = framer;
    this.#flushMilliseconds = flushSeconds * 1000;
    this.#maximumPendingBytes = maximumPendingBytes;
  }

  /**
   * Creates an event file in a folder, which is created if need be; files that are there stay as they are.
   * @throws {DataError} when it cannot be written
   * @throws {ConfigError} for options out of range
   */
  static async open(
    directory: string,
    { startStep, flushSeconds = 10, maximumPendingBytes = 64 * 2 ** 20 }: TensorBoardWriterOptions = {},
  ): Promise<TensorBoardWriter> {
    const where = 'TensorBoardWriter.open';
    if (startStep !== undefined) assertInteger(startStep, 'startStep', where, 0);
    assertInRange(flushSeconds, 'flushSeconds', where, 0, 86_400);
    assertInteger(maximumPendingBytes, 'maximumPendingBytes', where);
    const writer = new TensorBoardWriter(
      await EventFile.create(directory),
      await RecordFramer.create(),
      flushSeconds,
      maximumPendingBytes,
    );
    writer.#add('open', 0, { kind: 'version' });
    if (startStep !== undefined) writer.#add('open', startStep, { kind: 'start' });
    try {
      await writer.flush();
    } catch (error) {
      await writer.close().catch(() => undefined); // fails as `flush` did
      throw error;
    }
    return writer;
  }

  /** The event file. */
  get file(): string {
    return this.#file.path;
  }

  /**
   * @param tag  name of the curve; those that share what stands before a `/` are shown together
   * @param value  kept as a float32; NaN and infinities are shown as such
   * @throws {ConfigError} when the writer is closed, or for an empty tag or a step that is no integer of at least 0
   */
  scalar(tag: string, value: number, step: number): void {
    this.#add('scalar', step, { kind: 'scalar', tag, value });
  }

  /**
   * @param image  pixels, which are copied, or the bytes of a PNG file
   * @throws {ShapeError} when the values do not fill the picture
   * @throws {DataError} for bytes that are no PNG file
   */
  image(tag: string, image: RgbImage | Uint8Array, step: number): void {
    if (image instanceof Uint8Array) {
      this.#add('image', step, { kind: 'image', tag, picture: describePng(image, 'TensorBoardWriter.image') });
      return;
    }
    const channels = channelsOf(image, 'TensorBoardWriter.image');
    const { width, height } = image;
    const own = { width, height, data: image.data.slice() };
    this.#assertWritable('image', step, tag);
    const wallTime = Date.now() / 1000;
    this.#enqueue('image', own.data.length, async () => {
      const picture = await encodePicture(own, channels);
      return this.#framer.frame(encodeEvent(wallTime, step, { kind: 'image', tag, picture }));
    });
  }

  /**
   * How values are distributed. They are counted within the call, so that no copy is kept.
   * @throws {DataError} for a value that is not finite, or none at all
   */
  histogram(tag: string, values: ArrayLike<number>, step: number): void {
    const histogram = countHistogram(values, `TensorBoardWriter.histogram("${tag}")`);
    this.#add('histogram', step, { kind: 'histogram', tag, histogram });
  }

  /** @param text  Markdown */
  text(tag: string, text: string, step: number): void {
    this.#add('text', step, { kind: 'text', tag, text });
  }

  /**
   * Writes what was added and waits until it would survive a power cut.
   * @throws {DataError} naming the file and the system's reason; nothing is lost, and a later attempt goes on
   */
  async flush(): Promise<void> {
    this.#assertOpen('flush');
    await this.#write(true);
  }

  /**
   * Writes what was added and closes the file; a second call does nothing more.
   * @throws {DataError} naming the file, the system's reason and how many events are lost
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
    } finally {
      await this.#file.close();
    }
  }

  #add(method: string, step: number, content: EventContent): void {
    this.#assertWritable(method, step, 'tag' in content ? content.tag : undefined);
    const record = this.#framer.frame(encodeEvent(Date.now() / 1000, step, content));
    this.#enqueue(method, record.length, () => record);
  }

  #assertWritable(method: string, step: number, tag: string | undefined): void {
    this.#assertOpen(method);
    assertInteger(step, 'step', `TensorBoardWriter.${method}`, 0);
    if (tag === '') {
      throw new ConfigError({ where: `TensorBoardWriter.${method}`, expected: 'a tag', got: 'an empty string' });
    }
  }

  #assertOpen(method: string): void {
    if (!this.#closing) return;
    throw new ConfigError({
      where: `TensorBoardWriter.${method}`,
      expected: 'an open writer',
      got: `one that was closed (${this.#file.path})`,
      fix: 'Open another one; it writes a file of its own into the same folder.',
    });
  }

  #enqueue(method: string, bytes: number, encode: PendingEvent['encode']): void {
    if (this.#pendingBytes + bytes > this.#maximumPendingBytes) {
      const failure = this.#failure instanceof Error ? this.#failure : undefined;
      throw new DataError(
        {
          where: `TensorBoardWriter.${method}`,
          expected: `at most ${this.#maximumPendingBytes} bytes to wait to be written`,
          got: `${this.#pendingBytes + bytes}`,
          fix: failure ? `The last attempt failed: ${failure.message}` : 'Await flush() now and then.',
        },
        { cause: failure },
      );
    }
    this.#pending.push({ bytes, encode });
    this.#pendingBytes += bytes;
    this.#writeLater();
  }

  /** In time, or at the next chance when much waits; after a failure only in time. */
  #writeLater(): void {
    if (this.#closing) return;
    const soon = this.#pendingBytes >= pieceBytes && this.#failure === undefined;
    if (this.#timer && !soon) return;
    clearTimeout(this.#timer);
    const attempt = (): void => {
      this.#timer = undefined;
      // Not swallowed: the events wait for the next attempt, and flush, close or a full queue tell.
      this.#write(false).catch(() => undefined);
    };
    // A log alone keeps no process alive.
    this.#timer = setTimeout(attempt, soon ? 0 : this.#flushMilliseconds).unref();
  }

  /** Writes what waits, after the writes that are under way. */
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
    this.#writing = attempt.catch(() => this.#writeLater());
    return attempt;
  }

  async #writePending(): Promise<void> {
    while (this.#pending.length > 0) {
      const records: Uint8Array[] = [];
      let bytes = 0;
      for (const { encode } of this.#pending) {
        const record = await encode();
        records.push(record);
        bytes += record.length;
        if (bytes >= pieceBytes) break;
      }
      await this.#file.append(Buffer.concat(records, bytes));
      for (const written of this.#pending.splice(0, records.length)) this.#pendingBytes -= written.bytes;
    }
  }
}
