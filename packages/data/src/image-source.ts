/**
 * A finite list of labelled images: a folder, CIFAR-10, an array in memory, or a part of one of these. It describes;
 * `createBatches` reads. Nothing has to be closed.
 */
export interface ImageSource {
  /** For people: shown in logs and reports. */
  readonly name: string;
  /** Number of images. */
  readonly length: number;
  /** Names of the classes; `labels` are positions in it. Empty when the images have no classes. */
  readonly classes: readonly string[];
  /** Class of each image; all 0 when there are no classes. */
  readonly labels: Int32Array;
  readonly storage: ImageStorage;
}

export type ImageStorage = FileStorage | PixelStorage;

/** Images as files, decoded whenever a batch needs them. */
export interface FileStorage {
  readonly kind: 'files';
  readonly directory: string;
  /** Paths relative to `directory`, with `/`, one an image. */
  readonly files: readonly string[];
  readonly decoding: DecodeSettings;
}

/**
 * How images are scaled. `smooth`: with a filter, as photographs are. `nearest`: every pixel is one of the original's, for maps
 * whose colours are names of classes: the mean of two colours would be a third class.
 */
export type Resampling = 'smooth' | 'nearest';

/** Images of one size as bytes in memory. */
export interface PixelStorage {
  readonly kind: 'pixels';
  /** `[*, H, W, C]` row-major, 0 to 255. */
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Image `i` of the source is image `rows[i]` of `pixels`. */
  readonly rows: Uint32Array;
  readonly resampling: Resampling;
}

/** How files become pixels. */
export interface DecodeSettings {
  /** Refuse an image that cannot be used, or that is smaller than the crop, instead of doing without it. */
  readonly strict: boolean;
  /** The least serious problem of a file that makes it unusable (libvips' levels). */
  readonly failOn: 'truncated' | 'error' | 'warning';
  /** Larger images are unusable, so that a small file cannot fill the memory. */
  readonly maximumPixels: number;
  /** What shows through transparent pixels, `#rrggbb`. */
  readonly background: string;
  readonly resampling: Resampling;
}

/** An image that was left out, and why. */
export interface SkippedImage {
  /** Relative to the folder, with `/`. */
  readonly file: string;
  readonly reason: string;
}
