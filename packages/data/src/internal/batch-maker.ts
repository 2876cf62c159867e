import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import type { FileStorage, PixelStorage, SkippedImage } from '../image-source.js';
import type { BatchPlan, BatchPlanner } from './batch-plan.js';
import { CENTRE, copyCrop, planCrop, type CropDraws, type CropSettings } from './crop.js';
import { FILE_CHANNELS } from './decode-image.js';
import { createDecoder, type Decoder } from './decoder.js';
import { nearestCrop, resampleCrop, resampleWeights } from './resample.js';

/** Pixels of one planned batch. */
export interface MadeBatch {
  /** `[batchSize, H, W, C]`; rows from `indices.length` on are zero. */
  readonly images: Float32Array;
  /** Position in the source of each image. */
  readonly indices: readonly number[];
  readonly skipped: readonly SkippedImage[];
}

/** Carries plans out. */
export interface BatchMaker {
  readonly channels: number;
  make(plan: BatchPlan): Promise<MadeBatch>;
  /** While held, unfinished work keeps the process alive. */
  hold(): void;
  release(): void;
  close(): Promise<void>;
}

/** Crops images in memory on the calling thread: for small images that is faster than handing them to another one. */
export class PixelBatchMaker implements BatchMaker {
  readonly channels: number;
  readonly #cropInto: (row: number, draws: CropDraws, output: Float32Array, offset: number) => void;
  readonly #rows: Uint32Array;
  readonly #batchSize: number;
  readonly #imageLength: number;

  constructor(
    { pixels, height, width, channels, rows, resampling }: PixelStorage,
    crop: CropSettings,
    batchSize: number,
  ) {
    this.channels = channels;
    this.#rows = rows;
    this.#batchSize = batchSize;
    this.#imageLength = crop.imageSize[0] * crop.imageSize[1] * channels;
    const size = height * width * channels;
    const { scaledHeight, scaledWidth } = planCrop([height, width], crop, CENTRE);
    const isScaled = scaledHeight !== height || scaledWidth !== width;
    const vertical = resampleWeights(height, scaledHeight);
    const horizontal = resampleWeights(width, scaledWidth);
    this.#cropInto = (row, draws, output, offset) => {
      const position = planCrop([height, width], crop, draws);
      if (resampling === 'nearest') {
        nearestCrop(
          pixels,
          row * size,
          [height, width],
          channels,
          position,
          crop.imageSize,
          draws.flip,
          output,
          offset,
        );
      } else if (isScaled) {
        resampleCrop(
          pixels,
          row * size,
          width,
          channels,
          vertical,
          horizontal,
          position,
          crop.imageSize,
          draws.flip,
          output,
          offset,
        );
      } else {
        copyCrop(pixels, row * size, width, channels, position, crop.imageSize, draws.flip, output, offset);
      }
    };
  }

  async make({ images: planned }: BatchPlan): Promise<MadeBatch> {
    const images = new Float32Array(this.#batchSize * this.#imageLength);
    for (const [row, { index, draws }] of planned.entries()) {
      this.#cropInto(this.#rows[index]!, draws, images, row * this.#imageLength);
    }
    return { images, indices: planned.map(({ index }) => index), skipped: [] };
  }

  hold(): void {
    // Nothing runs elsewhere.
  }

  release(): void {
    // As above.
  }

  async close(): Promise<void> {
    // Nothing to end.
  }
}

/** One unusable file in every few is a nuisance; this many in a row mean that the folder is gone or is not of images. */
const MAXIMUM_STAND_INS = 32;

/** Decodes files, on worker threads or here. */
export class FileBatchMaker implements BatchMaker {
  readonly channels = FILE_CHANNELS;
  readonly #storage: FileStorage;
  readonly #planner: BatchPlanner;
  readonly #decoder: Decoder;
  readonly #batchSize: number;
  readonly #imageLength: number;
  readonly #standIns: boolean;

  /** @param options.standIns  replace an unusable image by another one; else the batch goes without it */
  constructor(
    storage: FileStorage,
    planner: BatchPlanner,
    crop: CropSettings,
    { batchSize, workers, standIns }: { batchSize: number; workers: number; standIns: boolean },
  ) {
    this.#storage = storage;
    this.#planner = planner;
    this.#decoder = createDecoder({ decoding: storage.decoding, crop }, workers);
    this.#batchSize = batchSize;
    this.#imageLength = crop.imageSize[0] * crop.imageSize[1] * FILE_CHANNELS;
    this.#standIns = standIns;
  }

  async make({ epoch, images: planned }: BatchPlan): Promise<MadeBatch> {
    const images = new Float32Array(this.#batchSize * this.#imageLength);
    const indices: (number | undefined)[] = planned.map(() => undefined);
    const skipped: SkippedImage[] = [];
    let missing = planned.map((image, row) => ({ row, image }));
    for (let attempt = 0; missing.length; attempt++) {
      const wanted = missing;
      const rows = wanted.map(({ image }) => ({ file: this.#path(image.index), draws: image.draws }));
      const decoded = await this.#decoder.run(rows);
      const failures = new Map(decoded.failures.map(({ row, reason }) => [row, reason]));
      for (const [row, reason] of failures) {
        const file = this.#storage.files[wanted[row]!.image.index]!;
        if (this.#storage.decoding.strict) throw unusable(this.#path(wanted[row]!.image.index), reason);
        skipped.push({ file, reason });
      }
      for (const [position, { row, image }] of wanted.entries()) {
        if (failures.has(position)) continue;
        indices[row] = image.index;
        const pixels = decoded.images.subarray(position * this.#imageLength, (position + 1) * this.#imageLength);
        images.set(pixels, row * this.#imageLength);
      }
      if (!this.#standIns) break;
      if (attempt === MAXIMUM_STAND_INS && failures.size) {
        const { file, reason } = skipped.at(-1)!;
        throw new DataError({
          where: this.#storage.directory,
          expected: 'a folder whose images can mostly be read',
          got: `${MAXIMUM_STAND_INS} in a row that cannot, the last one ${file} (${reason})`,
          fix: 'Check that the folder is still there and holds images.',
        });
      }
      missing = wanted
        .filter((_, position) => failures.has(position))
        .map(({ row }) => ({ row, image: this.#planner.standIn(epoch, planned[row]!.index, attempt) }));
    }
    return { ...this.#closeGaps(images, indices), skipped };
  }

  hold(): void {
    this.#decoder.hold();
  }

  release(): void {
    this.#decoder.release();
  }

  close(): Promise<void> {
    return this.#decoder.close();
  }

  #path(index: number): string {
    return join(this.#storage.directory, this.#storage.files[index]!);
  }

  /** Moves images up over rows that stayed empty. */
  #closeGaps(images: Float32Array, rows: readonly (number | undefined)[]): Pick<MadeBatch, 'images' | 'indices'> {
    const indices: number[] = [];
    for (const [row, index] of rows.entries()) {
      if (index === undefined) continue;
      const begin = row * this.#imageLength;
      if (row !== indices.length)
        images.copyWithin(indices.length * this.#imageLength, begin, begin + this.#imageLength);
      indices.push(index);
    }
    images.fill(0, indices.length * this.#imageLength);
    return { images, indices };
  }
}

function unusable(file: string, reason: string): DataError {
  return new DataError({
    where: file,
    expected: 'a usable image',
    got: `one that is not: ${reason}`,
    fix: 'Repair or remove the file, or open the folder without strict.',
  });
}
