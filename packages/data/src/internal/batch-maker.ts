import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import type { FileStorage, PixelStorage, SkippedImage } from '../image-source.js';
import type { BatchPlan, BatchPlanner } from './batch-plan.js';
import type { CropSettings } from './crop.js';
import { FILE_CHANNELS } from './decode-image.js';
import { createDecoder, type Decoder } from './decoder.js';
import { PixelCropper } from './pixel-cropper.js';

/** Pixels of one planned batch. */
export interface MadeBatch {
  /** `[batchSize, H, W, C]` for each source: the images, and their condition images; rows from `indices.length` on are zero. */
  readonly images: readonly Float32Array[];
  /** Position in the source of each image. */
  readonly indices: readonly number[];
  readonly skipped: readonly SkippedImage[];
}

/** Carries plans out, for a source or for a source and the one of its condition images. */
export interface BatchMaker {
  /** Of each source. */
  readonly channels: readonly number[];
  make(plan: BatchPlan): Promise<MadeBatch>;
  /** While held, unfinished work keeps the process alive. */
  hold(): void;
  release(): void;
  close(): Promise<void>;
}

/** Crops images in memory on the calling thread: for small images that is faster than handing them to another one. */
export class PixelBatchMaker implements BatchMaker {
  readonly channels: readonly number[];
  readonly #croppers: readonly PixelCropper[];
  readonly #batchSize: number;

  constructor(storages: readonly PixelStorage[], crop: CropSettings, batchSize: number) {
    const { height, width } = storages[0]!;
    this.channels = storages.map(({ channels }) => channels);
    this.#croppers = storages.map((storage) => new PixelCropper(storage, crop, [height, width]));
    this.#batchSize = batchSize;
  }

  async make({ images: planned }: BatchPlan): Promise<MadeBatch> {
    const images = this.#croppers.map(({ length, cropInto }) => {
      const output = new Float32Array(this.#batchSize * length);
      for (const [row, { index, draws }] of planned.entries()) cropInto(index, draws, output, row * length);
      return output;
    });
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
  readonly channels: readonly number[];
  readonly #storages: readonly FileStorage[];
  readonly #planner: BatchPlanner;
  readonly #decoder: Decoder;
  readonly #batchSize: number;
  readonly #imageLength: number;
  readonly #standIns: boolean;

  /** @param options.standIns  replace an unusable image by another one; else the batch goes without it */
  constructor(
    storages: readonly FileStorage[],
    planner: BatchPlanner,
    crop: CropSettings,
    { batchSize, workers, standIns }: { batchSize: number; workers: number; standIns: boolean },
  ) {
    this.channels = storages.map(() => FILE_CHANNELS);
    this.#storages = storages;
    this.#planner = planner;
    this.#decoder = createDecoder({ decodings: storages.map(({ decoding }) => decoding), crop }, workers);
    this.#batchSize = batchSize;
    this.#imageLength = crop.imageSize[0] * crop.imageSize[1] * FILE_CHANNELS;
    this.#standIns = standIns;
  }

  async make({ epoch, images: planned }: BatchPlan): Promise<MadeBatch> {
    const images = this.#storages.map(() => new Float32Array(this.#batchSize * this.#imageLength));
    const indices: (number | undefined)[] = planned.map(() => undefined);
    const skipped: SkippedImage[] = [];
    let missing = planned.map((image, row) => ({ row, image }));
    for (let attempt = 0; missing.length; attempt++) {
      const wanted = missing;
      const rows = wanted.map(({ image }) => ({ files: this.#paths(image.index), draws: image.draws }));
      const decoded = await this.#decoder.run(rows);
      const failures = new Map(decoded.failures.map(({ row, reason }) => [row, reason]));
      for (const [row, reason] of failures) {
        const { index } = wanted[row]!.image;
        if (this.#isStrict) throw unusable(this.#paths(index)[0]!, reason);
        skipped.push({ file: this.#storages[0]!.files[index]!, reason });
      }
      for (const [position, { row, image }] of wanted.entries()) {
        if (failures.has(position)) continue;
        indices[row] = image.index;
        for (const [source, output] of images.entries()) {
          const [begin, end] = [position * this.#imageLength, (position + 1) * this.#imageLength];
          output.set(decoded.images[source]!.subarray(begin, end), row * this.#imageLength);
        }
      }
      if (!this.#standIns) break;
      if (attempt === MAXIMUM_STAND_INS && failures.size) {
        const { file, reason } = skipped.at(-1)!;
        throw new DataError({
          where: this.#storages[0]!.directory,
          expected: 'a folder whose images can mostly be read',
          got: `${MAXIMUM_STAND_INS} in a row that cannot, the last one ${file} (${reason})`,
          fix: 'Check that the folder is still there and holds images.',
        });
      }
      missing = wanted
        .filter((_, position) => failures.has(position))
        .map(({ row }) => ({ row, image: this.#planner.standIn(epoch, planned[row]!.index, attempt) }));
    }
    for (const output of images) this.#closeGaps(output, indices);
    return { images, indices: indices.filter((index) => index !== undefined), skipped };
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

  /** One of a pair is enough: what is refused is the pair. */
  get #isStrict(): boolean {
    return this.#storages.some(({ decoding }) => decoding.strict);
  }

  #paths(index: number): string[] {
    return this.#storages.map(({ directory, files }) => join(directory, files[index]!));
  }

  /** Moves images up over rows that stayed empty. */
  #closeGaps(images: Float32Array, rows: readonly (number | undefined)[]): void {
    let count = 0;
    for (const [row, index] of rows.entries()) {
      if (index === undefined) continue;
      const begin = row * this.#imageLength;
      if (row !== count) images.copyWithin(count * this.#imageLength, begin, begin + this.#imageLength);
      count++;
    }
    images.fill(0, count * this.#imageLength);
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
