import type { DecodeSettings } from '../image-source.js';
import type { CropDraws, CropSettings } from './crop.js';
import { decodeImage, FILE_CHANNELS, UnusableImage } from './decode-image.js';

/** The same for every batch of a stream. */
export interface DecodeContext {
  readonly decoding: DecodeSettings;
  readonly crop: CropSettings;
}

export interface DecodeRow {
  /** Absolute path. */
  readonly file: string;
  readonly draws: CropDraws;
}

export interface DecodeResult {
  /** `[rows, height, width, 3]` in [0, 1]; what a row holds that failed is undefined. */
  readonly images: Float32Array<ArrayBuffer>;
  /** In order of rows. */
  readonly failures: readonly { readonly row: number; readonly reason: string }[];
}

/** Decodes rows one after the other; a pure function of its arguments and the files. */
export async function decodeBatch(
  { decoding, crop }: DecodeContext,
  rows: readonly DecodeRow[],
): Promise<DecodeResult> {
  const size = crop.imageSize[0] * crop.imageSize[1] * FILE_CHANNELS;
  const images = new Float32Array(rows.length * size);
  const failures: { row: number; reason: string }[] = [];
  for (const [row, { file, draws }] of rows.entries()) {
    try {
      await decodeImage(file, decoding, crop, draws, images, row * size);
    } catch (error) {
      if (!(error instanceof UnusableImage)) throw error;
      failures.push({ row, reason: error.message });
    }
  }
  return { images, failures };
}
