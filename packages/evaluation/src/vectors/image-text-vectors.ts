import type { HostImages } from '@vitvq/core';

/**
 * A trained network that gives a vector of an image and, where it knows texts, a vector of a text
 * in the same space: what a transformer can be conditioned on.
 *
 * Ownership: `dispose()` it.
 */
export interface ImageTextVectors {
  /** Name for people. */
  readonly name: string;
  /** SHA-256 in hexadecimal digits of what decides the numbers. */
  readonly hash: string;
  /** Numbers of a vector, E. */
  readonly width: number;
  /** Returns row-major `[B, E]` of images of any size. @throws {ShapeError} */
  ofImages(images: HostImages): Promise<Float32Array>;
  /**
   * Returns row-major `[B, E]` of texts, of which those that are too long are cut off; undefined
   * where the network knows none, or no tokenizer was given.
   */
  readonly ofTexts: ((texts: readonly string[]) => Promise<Float32Array>) | undefined;
  /** Frees what computes. */
  dispose(): Promise<void>;
}
