import { DataError } from '@vitvq/core';
import type { ImageDataset } from '../image-dataset.js';
import type { SkippedImage } from '../skipped-image.js';
import type { BatchPlan, BatchPlanner } from './batch-plan.js';
import { imageName } from './read-row.js';
import type { RowMaker, RowOrder } from './row-maker.js';

/** The pixels of one planned batch. */
export interface MadeBatch {
  /** `[batchSize, H, W, C]` for each source; rows from `indices.length` on are zero. */
  readonly images: readonly Float32Array[];
  /** Position in the source of each image. */
  readonly indices: readonly number[];
  readonly skipped: readonly SkippedImage[];
}

/**
 * One unusable image in every few is a nuisance; this many in a row mean that the source as a whole
 * cannot be read.
 */
const MAXIMUM_REPLACEMENTS = 32;

/** Makes planned batches, and does something about images that cannot be used. */
export class BatchMaker {
  readonly #source: ImageDataset;
  readonly #planner: BatchPlanner;
  readonly #rows: RowMaker;
  readonly #replace: boolean;

  /**
   * @param replace  whether an unusable image is replaced by another one; otherwise the batch
   *   does without it
   */
  constructor(source: ImageDataset, planner: BatchPlanner, rows: RowMaker, replace: boolean) {
    this.#source = source;
    this.#planner = planner;
    this.#rows = rows;
    this.#replace = replace;
  }

  /** @throws {DataError} as `RowMaker.fill`, and when no replacement can be used */
  async make({ epoch, images: planned }: BatchPlan): Promise<MadeBatch> {
    const images = this.#rows.sizes.map((size) => new Float32Array(this.#planner.batchSize * size));
    const indices: (number | undefined)[] = planned.map(() => undefined);
    const skipped: SkippedImage[] = [];
    let orders: RowOrder[] = planned.map((image, row) => ({ row, image }));
    for (let attempt = 0; orders.length; attempt++) {
      const failures = await this.#rows.fill(orders, images);
      for (const { row, image } of orders) {
        const reason = failures.get(row);
        if (reason === undefined) indices[row] = image.index;
        else skipped.push({ name: imageName(this.#source, image.index), reason });
      }
      if (!this.#replace) break;
      if (failures.size && attempt === MAXIMUM_REPLACEMENTS) throw this.#unreadable(skipped.at(-1)!);
      orders = orders
        .filter(({ row }) => failures.has(row))
        .map(({ row }) => ({ row, image: this.#planner.replacement(epoch, planned[row]!.index, attempt) }));
    }
    for (const [source, output] of images.entries()) closeGaps(output, indices, this.#rows.sizes[source]!);
    return { images, indices: indices.filter((index) => index !== undefined), skipped };
  }

  #unreadable({ name, reason }: SkippedImage): DataError {
    return new DataError({
      where: this.#source.name,
      expected: 'images that can mostly be read',
      got: `${MAXIMUM_REPLACEMENTS} in a row that cannot, the last one ${name} (${reason})`,
      fix: 'Check that the source is still there and holds images.',
    });
  }
}

/** Moves images up over rows that stayed empty, and fills the rest with zeros. */
function closeGaps(images: Float32Array, indices: readonly (number | undefined)[], size: number): void {
  let count = 0;
  for (const [row, index] of indices.entries()) {
    if (index === undefined) continue;
    if (row !== count) images.copyWithin(count * size, row * size, (row + 1) * size);
    count++;
  }
  images.fill(0, count * size);
}
