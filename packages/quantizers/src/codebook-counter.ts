import { allocate, assertInteger, ConfigError } from '@vitvq/core';

/** Number of images of a batch in the paper's definition of usage. */
const paperBatch = 256;

/**
 * Counts which codes a stream of images uses, batch after batch of any size, so that an epoch never
 * has to be in memory. It is host arithmetic on plain arrays.
 */
export class CodebookCounter {
  /** How often each code was chosen, `[K]`. */
  readonly counts: Float64Array;
  /** The paper batch in which each code was last seen, counted from 1. */
  readonly #seenIn: Int32Array;
  #images = 0;
  #tokens = 0;
  #usedInBatch = 0;
  #usedInFullBatches = 0;

  /** @throws {ConfigError} */
  constructor(codebookSize: number) {
    assertInteger(codebookSize, 'codebookSize', 'CodebookCounter');
    this.counts = allocate([codebookSize], 'CodebookCounter', (size) => new Float64Array(size));
    this.#seenIn = allocate([codebookSize], 'CodebookCounter', (size) => new Int32Array(size));
  }

  /** Number of images counted so far. */
  get images(): number {
    return this.#images;
  }

  /** Number of tokens counted so far. */
  get tokens(): number {
    return this.#tokens;
  }

  /**
   * Codebook usage by the paper's definition (arXiv:2110.04627, Table 4): the fraction of codes
   * that 256 images use, a mean over the full groups of 256 in the order in which they came.
   * Undefined before there are 256.
   */
  get paperUsage(): number | undefined {
    const batches = Math.floor(this.#images / paperBatch);
    return batches > 0 ? this.#usedInFullBatches / batches / this.counts.length : undefined;
  }

  /**
   * Counts the codes of whole images.
   * @param indices  `[B, N]`, or `[B, N, L]` of a residual quantizer whose steps share a codebook;
   *   image after image
   * @param images  number of images, B
   * @throws {ConfigError} when images have different numbers of indices, or an index is not in `[0,
   *   K)`; nothing is counted then
   */
  add(indices: ArrayLike<number>, images: number): void {
    const where = 'CodebookCounter.add';
    assertInteger(images, 'images', where);
    const perImage = indices.length / images;
    if (!Number.isInteger(perImage) || perImage === 0) {
      throw new ConfigError({
        where,
        expected: `as many indices for each of ${images} images`,
        got: `${indices.length}`,
      });
    }
    assertIndices(indices, this.counts.length, where);
    for (let at = 0; at < indices.length; at++) {
      const code = indices[at]!;
      const batch = 1 + Math.floor((this.#images + Math.floor(at / perImage)) / paperBatch);
      this.counts[code]!++;
      if (this.#seenIn[code] !== batch) {
        this.#seenIn[code] = batch;
        this.#usedInBatch++;
      }
      const lastOfImage = (at + 1) % perImage === 0;
      if (lastOfImage && (this.#images + (at + 1) / perImage) % paperBatch === 0) {
        this.#usedInFullBatches += this.#usedInBatch;
        this.#usedInBatch = 0;
      }
    }
    this.#images += images;
    this.#tokens += indices.length;
  }
}

function assertIndices(indices: ArrayLike<number>, codebookSize: number, where: string): void {
  for (let at = 0; at < indices.length; at++) {
    const index = indices[at]!;
    if (!Number.isInteger(index) || index < 0 || index >= codebookSize) {
      throw new ConfigError({ where, expected: `indices in [0, ${codebookSize})`, got: String(index) });
    }
  }
}
