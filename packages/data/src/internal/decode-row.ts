import { foldIn, UnusableImageError, type EncodedImage } from '@vitvq/core';
import { augmentPixels } from './augment-pixels.js';
import type { DecodeSettings } from './complete-source.js';
import { cropRaster } from './crop-raster.js';
import { PIXELS_KEY, type CropDraws, type CropSettings, type Pixels2D } from './crop-region.js';
import { DECODED_CHANNELS, decodeImage } from './decode-image.js';
import type { Raster, RasterView } from './raster.js';
import { Resampler } from './resample.js';

/** What is the same for every row of a stream. */
export interface DecodeContext {
  /** The source of the images, and the source of their condition images where there is one. */
  readonly sources: readonly { readonly decoding: DecodeSettings; readonly channels: number }[];
  readonly crop: CropSettings;
}

/** An image and, where there is one, its condition image. */
export interface DecodeRow {
  /** Names for messages. */
  readonly names: readonly string[];
  readonly images: readonly (EncodedImage | Raster)[];
  readonly draws: CropDraws;
}

/** Crops of several rows. */
export interface DecodedRows {
  /**
   * `[rows, height, width, channels]` in [0, 1] for each source; the values of a row that failed
   * are undefined.
   */
  readonly images: readonly Float32Array<ArrayBuffer>[];
  /** In order of rows. */
  readonly failures: readonly { readonly row: number; readonly reason: string }[];
}

/** Returns the reason not to use an image when the reason lies in its condition image. */
export function conditionReason(name: string, reason: string): string {
  return `its condition image ${name} cannot be used: ${reason}`;
}

/** Returns the number of values of a crop, for each source. */
export function cropSizes({ sources, crop: { imageSize } }: DecodeContext): number[] {
  return sources.map(({ channels }) => imageSize[0] * imageSize[1] * channels);
}

/**
 * Decodes the images of a row where they are encoded, and writes their crops. Rows of pixels are
 * done when the function returns. Returns the reason when the row cannot be used; its targets are
 * undefined then.
 */
export async function decodeRow(
  { sources, crop }: DecodeContext,
  { names, images, draws }: DecodeRow,
  targets: readonly RasterView[],
  resampler: Resampler,
): Promise<string | undefined> {
  let original: Pixels2D | undefined;
  for (const [position, image] of images.entries()) {
    const { decoding } = sources[position]!;
    const request = { crop, draws, strict: decoding.strict, original };
    const target = targets[position]!;
    try {
      const size =
        'pixels' in image
          ? cropRaster(image, decoding.resampling, request, resampler, target)
          : await decodeImage(image, decoding, request, target);
      original ??= size;
      if (position === 0) augmentTarget(crop, draws, target);
    } catch (error) {
      if (!(error instanceof UnusableImageError)) throw error;
      return position === 0 ? error.message : conditionReason(names[position]!, error.message);
    }
  }
  return undefined;
}

/** Changes the pixels of a crop in place, where an augmentation does so. */
function augmentTarget({ imageSize, augment }: CropSettings, { key }: CropDraws, { data, offset }: RasterView): void {
  if (augment === undefined || key === undefined) return;
  const [height, width] = imageSize;
  const view = data.subarray(offset, offset + height * width * DECODED_CHANNELS);
  augmentPixels({ data: view, height, width }, augment, foldIn(key, PIXELS_KEY));
}

/** Decodes rows one after the other; a pure function of its arguments and the files. */
export async function decodeRows(context: DecodeContext, rows: readonly DecodeRow[]): Promise<DecodedRows> {
  const resampler = new Resampler();
  const sizes = cropSizes(context);
  const images = sizes.map((size) => new Float32Array(rows.length * size));
  const failures: { row: number; reason: string }[] = [];
  for (const [index, row] of rows.entries()) {
    const targets = images.map((data, source) => ({ data, offset: index * sizes[source]! }));
    const reason = await decodeRow(context, row, targets, resampler);
    if (reason !== undefined) failures.push({ row: index, reason });
  }
  return { images, failures };
}
