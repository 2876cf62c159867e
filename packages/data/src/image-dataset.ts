import type { DecodeOptions, ImageSource } from '@vitvq/core';

/** What is said of an image: one text, or several that say it in different words. */
export type Caption = string | readonly string[];

/** Stretches of images that are read together. */
export interface Stretches {
  /** Position of the first image of each stretch, from 0 on. */
  readonly begins: Uint32Array;
  /** Number of stretches that the source keeps, and that are shuffled together. */
  readonly together: number;
}

/** An image source with its defaults filled in: what the functions of this package open. */
export interface ImageDataset extends ImageSource {
  readonly name: string;
  /** Class of each image, a position in `classNames`; all 0 without classes. */
  readonly labels: Int32Array;
  /** Names of the classes; empty when the images have no classes. */
  readonly classNames: readonly string[];
  readonly identity: string;
  readonly channels: number;
  readonly imageSize?: readonly [height: number, width: number];
  readonly decoding: Required<DecodeOptions>;
  /** The caption of each image, or its captions, where the source has such. */
  readonly captions?: readonly Caption[];
  /**
   * Images that are read much faster together than one by one, such as those of a compressed row
   * group. A shuffled epoch goes through them stretch by stretch.
   * @default none: images are read in any order
   */
  readonly stretches?: Stretches;
}
