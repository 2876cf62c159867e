import type { Size2D } from './checks.js';

/** An encoded image in any format that @vitvq/data decodes: the path of a file, or its bytes. */
export type EncodedImage = { readonly file: string } | { readonly bytes: Uint8Array };

/** A decoded image. */
export interface PixelImage {
  /** `[height, width, channels]` row-major, 0 to 255. The reader does not write to it. */
  readonly pixels: Uint8Array;
  /** In pixels. */
  readonly height: number;
  /** In pixels. */
  readonly width: number;
}

/** An image as a source hands it out. */
export type SourceImage = EncodedImage | PixelImage;

/**
 * How images are scaled. `smooth` filters, which suits photographs. `nearest` copies pixels of the
 * original, which suits maps whose colours stand for classes: the mean of two colours would be a
 * third class.
 */
export type Resampling = 'smooth' | 'nearest';

/** How the images of a source are decoded and scaled. */
export interface DecodeOptions {
  /**
   * Whether a batch fails when one of its images cannot be used or is smaller than the crop.
   * Otherwise the batch does without that image.
   * @default false
   */
  readonly strict?: boolean;
  /**
   * The least serious problem that makes an encoded image unusable: missing data, an error, or any
   * complaint of the decoder (some cameras write JPEGs that it complains about and that look
   * right).
   * @default 'warning'
   */
  readonly failOn?: 'truncated' | 'error' | 'warning';
  /**
   * Encoded images of more pixels are unusable, so that a small file cannot fill the memory.
   * @default 100 million
   */
  readonly maximumPixels?: number;
  /**
   * Encoded images of more bytes are unusable: a file of that size is refused before it is read.
   * @default 268,435,456 (256 MiB)
   */
  readonly maximumBytes?: number;
  /** The colour behind transparent pixels, `#rrggbb`. @default '#ffffff' */
  readonly background?: string;
  /** How images are scaled. @default 'smooth' */
  readonly resampling?: Resampling;
}

/**
 * A finite, ordered list of images: a folder, an archive, a database. A class with `length` and
 * `read` is enough for `createBatches` of `@vitvq/data`, which decodes, scales, crops and batches
 * what `read` returns.
 */
export interface ImageSource {
  /** Number of images, at least 1. */
  readonly length: number;
  /**
   * Returns image `index`, an integer in `[0, length)`; the same image every time. Calls overlap
   * and come in any order. Encoded images are decoded in worker threads; a file is also read there.
   * @throws {UnusableImageError} when this one image cannot be used. Any other error ends the
   *   batch.
   */
  read(index: number): SourceImage | Promise<SourceImage>;
  /** Name for people, in messages and reports. @default 'images' */
  readonly name?: string;
  /** Class of each image, a position in `classNames`. @default all 0 */
  readonly labels?: ArrayLike<number>;
  /** Names of the classes. @default as many numbers as the labels need, or none without labels */
  readonly classNames?: readonly string[];
  /**
   * Text that differs where the images differ, such as a version or a checksum. A resumed training
   * compares it, together with the length, the labels, the class names and the resampling.
   * @default name
   */
  readonly identity?: string;
  /** Channels of every image. Encoded images always have 3. @default 3 */
  readonly channels?: number;
  /** Height and width of every image in pixels, where all of them have the same size. */
  readonly imageSize?: Size2D;
  /** How images are decoded and scaled. */
  readonly decoding?: DecodeOptions;
  /**
   * Returns the name of an image, such as a path inside an archive, for messages. Where two sources
   * are paired and both name their images, the names must agree, apart from their extensions.
   * @default `image 7`
   */
  nameOf?(index: number): string;
}
