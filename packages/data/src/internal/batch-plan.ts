import { foldIn, permutation, randomInts, randomUniform, split, type RandomKey } from '@vitvq/core';
import { CENTRE, type CropDraws } from './crop.js';

/** One image of a batch. */
export interface PlannedImage {
  /** Position in the source. */
  readonly index: number;
  readonly draws: CropDraws;
}

export interface BatchPlan {
  readonly epoch: number;
  /** Of the batch, within the epoch. */
  readonly index: number;
  readonly images: readonly PlannedImage[];
}

export interface PlannerOptions {
  readonly length: number;
  readonly batchSize: number;
  readonly dropLast: boolean;
  readonly shuffle: boolean;
  readonly randomCrop: boolean;
  readonly flip: boolean;
  readonly key: RandomKey;
}

interface EpochPlan {
  readonly epoch: number;
  readonly order: Uint32Array | undefined;
  /** Mother of the keys of the images' crops and flips. */
  readonly drawKey: RandomKey;
  /** Mother of the keys that choose stand-ins for unusable images. */
  readonly standInKey: RandomKey;
}

/** Which images a batch holds and how they are cropped: a function of key, epoch and position, with nothing to remember. */
export class BatchPlanner {
  readonly batchSize: number;
  readonly batchesPerEpoch: number;
  readonly #options: PlannerOptions;
  readonly #epochs: EpochPlan[] = [];

  constructor(options: PlannerOptions) {
    this.#options = options;
    this.batchSize = options.batchSize;
    const batches = options.length / options.batchSize;
    this.batchesPerEpoch = options.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /** @param position  number of the batch, counted over all epochs */
  plan(position: number): BatchPlan {
    const { batchSize } = this;
    const { length } = this.#options;
    const plan = this.#epoch(Math.floor(position / this.batchesPerEpoch));
    const index = position % this.batchesPerEpoch;
    const begin = index * batchSize;
    const count = Math.min(batchSize, length - begin);
    const images = Array.from({ length: count }, (_, row) =>
      this.#image(plan, plan.order ? plan.order[begin + row]! : begin + row),
    );
    return { epoch: plan.epoch, index, images };
  }

  /** The image that stands in when `index` and `attempt` other stand-ins for it cannot be used. */
  standIn(epoch: number, index: number, attempt: number): PlannedImage {
    const plan = this.#epoch(epoch);
    const [chosen] = randomInts(foldIn(foldIn(plan.standInKey, index), attempt), 1, this.#options.length);
    return this.#image(plan, chosen!);
  }

  /** Crop and flip depend on the image, not on its place in the batch, so another batch size changes neither. */
  #image({ drawKey }: EpochPlan, index: number): PlannedImage {
    const { randomCrop, flip } = this.#options;
    if (!randomCrop && !flip) return { index, draws: CENTRE };
    const [y, x, mirror] = randomUniform(foldIn(drawKey, index), 3);
    const draws = { y: randomCrop ? y! : undefined, x: randomCrop ? x! : undefined, flip: flip && mirror! < 0.5 };
    return { index, draws };
  }

  #epoch(epoch: number): EpochPlan {
    const known = this.#epochs.find((plan) => plan.epoch === epoch);
    if (known) return known;
    const [orderKey, drawKey, standInKey] = split(foldIn(this.#options.key, epoch), 3);
    const order = this.#options.shuffle ? permutation(orderKey!, this.#options.length) : undefined;
    const plan = { epoch, order, drawKey: drawKey!, standInKey: standInKey! };
    // Batches made ahead cross into the next epoch while stand-ins are drawn for this one.
    this.#epochs.push(plan);
    if (this.#epochs.length > 2) this.#epochs.shift();
    return plan;
  }
}
