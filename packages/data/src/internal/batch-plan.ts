import { foldIn, randomInts, randomUniform, split, type RandomKey } from '@vitvq/core';
import { rowsOfPart, type BatchPart } from '../batch-part.js';
import type { Stretches } from '../image-dataset.js';
import { CENTER, type CropDraws } from './crop-region.js';
import { shuffledOrder } from './stretches.js';

/** One image of a batch before it is read. */
export interface PlannedImage {
  /** Position in the source. */
  readonly index: number;
  readonly draws: CropDraws;
}

/** A batch before it is read: which images it holds and how they are cropped. */
export interface BatchPlan {
  readonly epoch: number;
  /** Position of the batch in the epoch. */
  readonly index: number;
  readonly images: readonly PlannedImage[];
}

/** Options that decide which images a batch holds and how they are cropped. */
export interface PlannerOptions {
  readonly length: number;
  readonly stretches: Stretches | undefined;
  /** Images in a batch, those of all parts together. */
  readonly batchSize: number;
  /** The part of each batch that is planned; undefined: all of it. */
  readonly part: BatchPart | undefined;
  readonly dropLast: boolean;
  readonly shuffle: boolean;
  readonly randomCrop: boolean;
  /** How often an image is mirrored. */
  readonly flip: number;
  /** Whether an augmentation draws from a key of each image. */
  readonly augment: boolean;
  readonly key: RandomKey;
}

/** What is drawn once for each epoch. */
interface EpochDraws {
  readonly epoch: number;
  /** Positions in the source; undefined: the order of the source. */
  readonly order: Uint32Array | undefined;
  /** Root key of the images' crops and flips. */
  readonly drawKey: RandomKey;
  /** Root key of the images' augmentations. */
  readonly augmentKey: RandomKey;
  /** Root key of the choice of replacements for unusable images. */
  readonly replacementKey: RandomKey;
}

/** Plans batches as a function of key, epoch and position, so that a stream can start anywhere. */
export class BatchPlanner {
  /** Images in the planned part of a batch. */
  readonly batchSize: number;
  readonly batchesPerEpoch: number;
  readonly #options: PlannerOptions;
  readonly #epochs: EpochDraws[] = [];

  constructor(options: PlannerOptions) {
    this.#options = options;
    this.batchSize = this.#rows(options.batchSize).count;
    const batches = options.length / options.batchSize;
    this.batchesPerEpoch = options.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /** Returns a batch. @param position  number of the batch, counted over all epochs */
  plan(position: number): BatchPlan {
    const { batchSize, length } = this.#options;
    const draws = this.#epoch(Math.floor(position / this.batchesPerEpoch));
    const index = position % this.batchesPerEpoch;
    const first = index * batchSize;
    const rows = this.#rows(Math.min(batchSize, length - first));
    const begin = first + rows.begin;
    const images = Array.from({ length: rows.count }, (_, row) =>
      this.#image(draws, draws.order ? draws.order[begin + row]! : begin + row),
    );
    return { epoch: draws.epoch, index, images };
  }

  /** Returns the image to use when `index` and its first `attempt` replacements cannot be used. */
  replacement(epoch: number, index: number, attempt: number): PlannedImage {
    const draws = this.#epoch(epoch);
    const [chosen] = randomInts(foldIn(foldIn(draws.replacementKey, index), attempt), 1, this.#options.length);
    return this.#image(draws, chosen!);
  }

  #rows(count: number): { readonly begin: number; readonly count: number } {
    return this.#options.part ? rowsOfPart(count, this.#options.part) : { begin: 0, count };
  }

  // Crop and flip depend on the image and not on its place in the batch, so another batch size
  // changes neither.
  #image({ drawKey, augmentKey }: EpochDraws, index: number): PlannedImage {
    const { randomCrop, flip, augment } = this.#options;
    const key = augment ? foldIn(augmentKey, index) : undefined;
    if (!randomCrop && flip === 0) return { index, draws: key ? { ...CENTER, key } : CENTER };
    const [y, x, mirror] = randomUniform(foldIn(drawKey, index), 3);
    const draws = { y: randomCrop ? y! : undefined, x: randomCrop ? x! : undefined, flip: mirror! < flip };
    return { index, draws: key ? { ...draws, key } : draws };
  }

  #epoch(epoch: number): EpochDraws {
    const known = this.#epochs.find((draws) => draws.epoch === epoch);
    if (known) return known;
    const [orderKey, drawKey, replacementKey, augmentKey] = split(foldIn(this.#options.key, epoch), 4);
    const { shuffle, length, stretches } = this.#options;
    const order = shuffle ? shuffledOrder(orderKey!, length, stretches) : undefined;
    const draws = { epoch, order, drawKey: drawKey!, augmentKey: augmentKey!, replacementKey: replacementKey! };
    // Batches made ahead cross into the next epoch while replacements are drawn for this one.
    this.#epochs.push(draws);
    if (this.#epochs.length > 2) this.#epochs.shift();
    return draws;
  }
}
