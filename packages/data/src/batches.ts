import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { assertInteger, ConfigError, DataError, randomKey, toSize2D, type RandomKey, type Size2D } from '@vitvq/core';
import { sourceFingerprint } from './fingerprint.js';
import type { ImageSource, SkippedImage } from './image-source.js';
import { FileBatchMaker, PixelBatchMaker, type BatchMaker, type MadeBatch } from './internal/batch-maker.js';
import { BatchPlanner, type BatchPlan } from './internal/batch-plan.js';
import { closedError } from './internal/decoder.js';
import { assertPairs } from './internal/pairs.js';

export interface BatchOptions {
  /** Images a batch. */
  batchSize: number;
  /** Height and width of the result, pixels. */
  imageSize: Size2D;
  /** Before the crop an image is scaled, keeping its proportions, until it just covers this; at least `imageSize`. @default imageSize */
  resizeTo?: Size2D;
  /** Where the crop lies in the scaled image. @default 'center' */
  crop?: 'random' | 'center';
  /** Mirror every other image, at random, left to right. @default false */
  flip?: boolean;
  /**
   * A second picture of each image, such as its segmentation map or its sketch: image i belongs to image i. It may have another
   * size but must have the same proportions, and is scaled, cropped and mirrored as its image is. Where one of a pair cannot be
   * used, neither is. Folders open as pairs with `openPairedFolders`. @default none
   */
  conditionSource?: ImageSource;
  /** A new order each epoch instead of the order of the source. @default false */
  shuffle?: boolean;
  /** Decides order, crops and flips; needed when any of these is random. */
  key?: RandomKey;
  /**
   * What an epoch does with images that do not fill a batch: `drop` them (training: every batch is full), `pad` the batch
   * with zeros (evaluation with a compiled function: the shape never changes), or hand out a smaller, `partial` one.
   * @default 'drop'
   */
  lastBatch?: 'drop' | 'pad' | 'partial';
  /** Passes over the source; after the last batch the stream ends. @default Infinity */
  epochs?: number;
  /** Batches to pass over: the `position` of the stream to go on from. @default 0 */
  startAt?: number;
  /** Decoding threads for files; 0 decodes on the calling thread. No effect on the result. @default half the cores, 1 to 4 */
  workers?: number;
  /** Batches made ahead, so memory for as many. No effect on the result. @default workers + 1 */
  prefetch?: number;
  /** Called once for each unusable image, in order of batches. @default a process warning */
  onSkip?: (image: SkippedImage) => void;
}

/** Images as stage 2 takes them for conditions. */
export interface ConditionImages {
  /** Row-major `[B, H, W, C]`, in [0, 1]; belongs to the caller. */
  readonly data: Float32Array;
  readonly shape: [batch: number, height: number, width: number, channels: number];
}

export interface ImageBatch {
  /** Row-major `[B, H, W, C]`, in [0, 1]; belongs to the caller. */
  readonly images: Float32Array;
  /** Of each image its picture in `conditionSource`; absent without one. */
  readonly conditionImages?: ConditionImages;
  /** Class of each image; -1 in padding. */
  readonly labels: Int32Array;
  /** Position in the source of each image; -1 in padding. */
  readonly indices: Int32Array;
  readonly shape: [batch: number, height: number, width: number, channels: number];
  /** Images that are not padding; they come first. */
  readonly count: number;
  readonly epoch: number;
  /** Of the batch, within the epoch. */
  readonly index: number;
}

/** Batches in order, without end unless `epochs` is given. Also an async iterable, which closes the stream when left. */
export interface BatchStream extends AsyncIterable<ImageBatch> {
  /** Batches handed out, counted from the very first; a new stream with `startAt: position` goes on exactly here. */
  readonly position: number;
  readonly batchesPerEpoch: number;
  /** Position at which the stream ends; `Infinity` without `epochs`. */
  readonly end: number;
  /** Of the source and the one of its conditions (see `sourceFingerprint`) and of the options that decide what is in a batch. */
  readonly fingerprint: string;
  /** Unusable images met so far, each once, in order of batches. */
  readonly skipped: readonly SkippedImage[];
  /** @throws {DataError} after the end or `close`; when no image, or in strict mode one image, can be used */
  next(): Promise<ImageBatch>;
  /** Ends the threads. A batch that is awaited rejects. */
  close(): Promise<void>;
}

/**
 * Reads a source as batches of equal size. Order, crops and flips are functions of (`key`, epoch, image) alone: neither
 * the number of workers nor an interruption changes them. In a folder that is not strict, an unusable image is replaced by
 * another one drawn from the same key (`lastBatch: 'drop'`), or left out, so that none counts twice (`pad`, `partial`);
 * an image smaller than `resizeTo` is enlarged.
 * @throws {ConfigError} naming the option
 * @throws {DataError} when the images of `conditionSource` are not the partners of those of `source`
 */
export function createBatches(
  source: ImageSource,
  {
    batchSize,
    imageSize,
    resizeTo = imageSize,
    conditionSource,
    crop = 'center',
    flip = false,
    shuffle = false,
    key,
    lastBatch = 'drop',
    epochs = Infinity,
    startAt = 0,
    workers = Math.min(4, Math.max(1, Math.floor(availableParallelism() / 2))),
    prefetch = workers + 1,
    onSkip = warnOfSkipped,
  }: BatchOptions,
): BatchStream {
  const where = 'createBatches';
  const settings = { imageSize: toSize2D(imageSize), resizeTo: toSize2D(resizeTo) };
  assertInteger(batchSize, 'batchSize', where);
  for (const size of settings.imageSize) assertInteger(size, 'imageSize', where);
  for (const [axis, size] of settings.resizeTo.entries()) {
    assertInteger(size, 'resizeTo', where, settings.imageSize[axis]);
  }
  assertInteger(startAt, 'startAt', where, 0);
  assertInteger(workers, 'workers', where, 0);
  assertInteger(prefetch, 'prefetch', where);
  if (epochs !== Infinity) assertInteger(epochs, 'epochs', where);
  if (!key && (shuffle || flip || crop === 'random')) {
    throw new ConfigError({
      where,
      expected: 'a key, because order, crops or flips are random',
      got: 'none',
      fix: 'Pass key: randomKey(seed).',
    });
  }
  const planner = new BatchPlanner({
    length: source.length,
    batchSize,
    dropLast: lastBatch === 'drop',
    shuffle,
    randomCrop: crop === 'random',
    flip,
    key: key ?? randomKey(0),
  });
  if (planner.batchesPerEpoch === 0) {
    throw new ConfigError({
      where,
      expected: `at least batchSize = ${batchSize} images`,
      got: `${source.length} in ${source.name}`,
      fix: "Use a smaller batchSize, or lastBatch: 'pad'.",
    });
  }
  if (conditionSource) assertPairs(source, conditionSource, where);
  const order = { batchSize, ...settings, crop, flip, shuffle, key: key ?? null, lastBatch };
  const sources = conditionSource ? [source, conditionSource] : [source];
  // Both of a pair are of one kind, see assertPairs.
  const files = sources.flatMap(({ storage }) => (storage.kind === 'files' ? [storage] : []));
  const pixels = sources.flatMap(({ storage }) => (storage.kind === 'pixels' ? [storage] : []));
  const maker = files.length
    ? new FileBatchMaker(files, planner, settings, { batchSize, workers, standIns: lastBatch === 'drop' })
    : new PixelBatchMaker(pixels, settings, batchSize);
  const ahead = files.length ? prefetch : 0;
  return new PlannedBatchStream({
    sources,
    order,
    planner,
    maker,
    imageSize: settings.imageSize,
    lastBatch,
    epochs,
    startAt,
    ahead,
    onSkip,
  });
}

function warnOfSkipped({ file, reason }: SkippedImage): void {
  process.emitWarning(`${file} is not used: ${reason}`, 'VitvqDataWarning');
}

interface StreamParts extends Required<Pick<BatchOptions, 'lastBatch' | 'epochs' | 'startAt' | 'onSkip'>> {
  /** Of the images, and of their condition images. */
  readonly sources: readonly ImageSource[];
  /** Options that decide what is in a batch. */
  readonly order: object;
  readonly planner: BatchPlanner;
  readonly maker: BatchMaker;
  readonly imageSize: readonly [number, number];
  /** Batches to make before they are asked for. */
  readonly ahead: number;
}

interface PendingBatch {
  readonly plan: BatchPlan;
  readonly made: Promise<MadeBatch>;
}

class PlannedBatchStream implements BatchStream {
  readonly batchesPerEpoch: number;
  readonly end: number;
  readonly skipped: SkippedImage[] = [];
  readonly #parts: StreamParts;
  readonly #pending = new Map<number, PendingBatch>();
  readonly #skippedFiles = new Set<string>();
  #position: number;
  #last: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(parts: StreamParts) {
    this.#parts = parts;
    this.#position = parts.startAt;
    this.batchesPerEpoch = parts.planner.batchesPerEpoch;
    this.end = this.batchesPerEpoch * parts.epochs;
    this.#makeAhead();
  }

  get position(): number {
    return this.#position;
  }

  get fingerprint(): string {
    const { sources, order } = this.#parts;
    const hash = createHash('sha256');
    for (const source of sources) hash.update(sourceFingerprint(source));
    return hash.update(JSON.stringify(order)).digest('hex').slice(0, 32);
  }

  next(): Promise<ImageBatch> {
    const batch = this.#last.then(() => this.#take());
    this.#last = batch.catch(() => undefined);
    return batch;
  }

  close(): Promise<void> {
    this.#closing ??= this.#parts.maker.close();
    return this.#closing;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<ImageBatch> {
    try {
      while (this.#position < this.end) yield await this.next();
    } finally {
      await this.close();
    }
  }

  async #take(): Promise<ImageBatch> {
    if (this.#closing) throw closedError();
    if (this.#position >= this.end) {
      throw new DataError({
        where: 'BatchStream.next',
        expected: `at most ${this.end} batches`,
        got: 'a request for one more',
      });
    }
    const { plan, made } = this.#pending.get(this.#position) ?? this.#start(this.#position);
    this.#parts.maker.hold();
    try {
      const batch = await made;
      this.#pending.delete(this.#position);
      this.#position++;
      this.#makeAhead();
      this.#report(batch.skipped);
      return this.#finish(plan, batch);
    } finally {
      this.#parts.maker.release();
    }
  }

  #start(position: number): PendingBatch {
    const plan = this.#parts.planner.plan(position);
    const made = this.#parts.maker.make(plan);
    // Whoever asks for this batch gets the error; until then it must not count as unhandled.
    made.catch(() => undefined);
    this.#pending.set(position, { plan, made });
    return { plan, made };
  }

  #makeAhead(): void {
    if (this.#closing) return;
    const last = Math.min(this.#position + this.#parts.ahead, this.end);
    for (let position = this.#position; position < last; position++) {
      if (!this.#pending.has(position)) this.#start(position);
    }
  }

  #report(images: readonly SkippedImage[]): void {
    for (const image of images) {
      if (this.#skippedFiles.has(image.file)) continue;
      this.#skippedFiles.add(image.file);
      this.skipped.push(image);
      this.#parts.onSkip(image);
    }
  }

  #finish({ epoch, index }: BatchPlan, { images: made, indices }: MadeBatch): ImageBatch {
    const { sources, lastBatch, maker, imageSize, planner } = this.#parts;
    const { labels } = sources[0]!;
    const rows = lastBatch === 'partial' ? indices.length : planner.batchSize;
    const [images, conditionImages] = made.map((data, source): ConditionImages => {
      const shape: ConditionImages['shape'] = [rows, imageSize[0], imageSize[1], maker.channels[source]!];
      return { data: data.subarray(0, rows * shape[1] * shape[2] * shape[3]), shape };
    });
    return {
      images: images!.data,
      ...(conditionImages && { conditionImages }),
      labels: Int32Array.from({ length: rows }, (_, row) => (row < indices.length ? labels[indices[row]!]! : -1)),
      indices: Int32Array.from({ length: rows }, (_, row) => indices[row] ?? -1),
      shape: images!.shape,
      count: indices.length,
      epoch,
      index,
    };
  }
}
