import { createHash } from 'node:crypto';
import { DataError } from '@vitvq/core';
import type { BatchStream } from '../batch-stream.js';
import type { BatchOptions } from '../batch-options.js';
import { sourceFingerprint } from '../fingerprint.js';
import type { SourceBatch } from '../source-batch.js';
import type { ImageDataset } from '../image-dataset.js';
import type { SkippedImage } from '../skipped-image.js';
import type { BatchMaker, MadeBatch } from './batch-maker.js';
import type { BatchPlan, BatchPlanner } from './batch-plan.js';
import { closedError } from './decoder.js';
import type { RowMaker } from './row-maker.js';

/** What a stream is made of. */
export interface StreamParts extends Required<
  Pick<BatchOptions, 'lastBatch' | 'epochs' | 'startAt' | 'prefetch' | 'onSkip'>
> {
  /** The images, and their condition images where there are such. */
  readonly sources: readonly ImageDataset[];
  /** The options that decide what is in a batch. */
  readonly decisive: object;
  readonly planner: BatchPlanner;
  readonly maker: BatchMaker;
  /** What `maker` makes rows with. */
  readonly rows: RowMaker;
  readonly imageSize: readonly [height: number, width: number];
}

/** A batch that is being made. */
interface PendingBatch {
  readonly plan: BatchPlan;
  readonly made: Promise<MadeBatch>;
}

/** Hands out batches in order and makes the next ones ahead of time. */
export class PlannedBatchStream implements BatchStream {
  readonly batchesPerEpoch: number;
  readonly end: number;
  readonly skipped: SkippedImage[] = [];
  readonly #parts: StreamParts;
  readonly #pending = new Map<number, PendingBatch>();
  readonly #skippedNames = new Set<string>();
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
    const { sources, decisive } = this.#parts;
    const hash = createHash('sha256');
    for (const source of sources) hash.update(sourceFingerprint(source));
    return hash.update(JSON.stringify(decisive)).digest('hex').slice(0, 32);
  }

  next(): Promise<SourceBatch> {
    const batch = this.#last.then(() => this.#take());
    this.#last = batch.catch(() => undefined);
    return batch;
  }

  close(): Promise<void> {
    this.#closing ??= this.#parts.rows.close();
    return this.#closing;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<SourceBatch> {
    try {
      while (this.#position < this.end) yield await this.next();
    } finally {
      await this.close();
    }
  }

  async #take(): Promise<SourceBatch> {
    if (this.#closing) throw closedError();
    if (this.#position >= this.end) {
      throw new DataError({
        where: 'BatchStream.next',
        expected: `at most ${this.end} batches`,
        got: 'a request for one more',
      });
    }
    const { plan, made } = this.#pending.get(this.#position) ?? this.#start(this.#position);
    this.#parts.rows.hold();
    try {
      const batch = await made;
      this.#pending.delete(this.#position);
      this.#position++;
      this.#makeAhead();
      this.#tellSkipped(batch.skipped);
      return this.#toBatch(plan, batch);
    } finally {
      this.#parts.rows.release();
    }
  }

  #start(position: number): PendingBatch {
    const plan = this.#parts.planner.plan(position);
    const made = this.#parts.maker.make(plan);
    // The caller that asks for this batch gets the error; until then it must not count as
    // unhandled.
    made.catch(() => undefined);
    this.#pending.set(position, { plan, made });
    return { plan, made };
  }

  #makeAhead(): void {
    if (this.#closing) return;
    const last = Math.min(this.#position + this.#parts.prefetch, this.end);
    for (let position = this.#position; position < last; position++) {
      if (!this.#pending.has(position)) this.#start(position);
    }
  }

  #tellSkipped(images: readonly SkippedImage[]): void {
    for (const image of images) {
      if (this.#skippedNames.has(image.name)) continue;
      this.#skippedNames.add(image.name);
      this.skipped.push(image);
      this.#parts.onSkip(image);
    }
  }

  #toBatch({ epoch, index }: BatchPlan, { images: made, indices }: MadeBatch): SourceBatch {
    const { sources, lastBatch, imageSize, planner } = this.#parts;
    const { labels } = sources[0]!;
    const rows = lastBatch === 'partial' ? indices.length : planner.batchSize;
    const [images, conditionImages] = made.map((data, source) => {
      const shape: SourceBatch['shape'] = [rows, imageSize[0], imageSize[1], sources[source]!.channels];
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
