import { createHash } from 'node:crypto';
import { elementCount, formatShape, type HostImages } from '@vitvq/core';

/**
 * Accumulates the hash of a set of images, batch by batch. Images count by their pixels, rounded to
 * bytes; their order does not count, so that a set that is shuffled is the same set.
 */
export class ImageSetHash {
  readonly #digests: string[] = [];

  /** Number of images so far. */
  get images(): number {
    return this.#digests.length;
  }

  /** Adds the first `count` images of a batch, with values in [0, 1]. */
  add({ data, shape: [, ...imageShape] }: HostImages, count: number): void {
    const size = elementCount(imageShape);
    const bytes = new Uint8ClampedArray(size);
    for (let image = 0; image < count; image++) {
      for (let at = 0; at < size; at++) bytes[at] = 255 * data[image * size + at]!;
      this.#digests.push(createHash('sha256').update(formatShape(imageShape)).update(bytes).digest('hex'));
    }
  }

  /** Returns the number of images and the SHA-256 of the set in hexadecimal digits. */
  result(): { hash: string; images: number } {
    const hash = createHash('sha256');
    for (const digest of this.#digests.toSorted()) hash.update(digest);
    return { hash: hash.digest('hex'), images: this.#digests.length };
  }
}
