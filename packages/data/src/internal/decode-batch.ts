import type { DecodeSettings } from '../image-source.js';
import type { CropDraws, CropSettings } from './crop.js';
import { decodeImage, FILE_CHANNELS, UnusableImage } from './decode-image.js';

/** The same for every batch of a stream. */
export interface DecodeContext {
  /** Of images, and of their condition images where they have such. */
  readonly decodings: readonly DecodeSettings[];
  readonly crop: CropSettings;
}

export interface DecodeRow {
  /** Absolute paths: of an image, and of its condition image. */
  readonly files: readonly string[];
  readonly draws: CropDraws;
}

export interface DecodeResult {
  /** `[rows, height, width, 3]` in [0, 1] for each file of a row; what a row holds that failed is undefined. */
  readonly images: readonly Float32Array<ArrayBuffer>[];
  /** In order of rows; the first file of a row that fails speaks for all of them. */
  readonly failures: readonly { readonly row: number; readonly reason: string }[];
}

/** Decodes rows one after the other; a pure function of its arguments and the files. */
export async function decodeBatch(context: DecodeContext, rows: readonly DecodeRow[]): Promise<DecodeResult> {
  const { imageSize } = context.crop;
  const size = imageSize[0] * imageSize[1] * FILE_CHANNELS;
  const images = context.decodings.map(() => new Float32Array(rows.length * size));
  const failures: { row: number; reason: string }[] = [];
  for (const [index, row] of rows.entries()) {
    try {
      await decodeRow(context, row, images, index * size);
    } catch (error) {
      if (!(error instanceof UnusableImage)) throw error;
      failures.push({ row: index, reason: error.message });
    }
  }
  return { images, failures };
}

/** @throws {UnusableImage} */
async function decodeRow(
  { decodings, crop }: DecodeContext,
  { files: [file, condition], draws }: DecodeRow,
  [images, conditions]: readonly Float32Array[],
  offset: number,
): Promise<void> {
  const size = await decodeImage(file!, decodings[0]!, { crop, draws }, images!, offset);
  if (condition === undefined) return;
  try {
    await decodeImage(condition, decodings[1]!, { crop, draws, original: size }, conditions!, offset);
  } catch (error) {
    if (!(error instanceof UnusableImage)) throw error;
    throw new UnusableImage(`its condition image ${condition} cannot be used: ${error.message}`, { cause: error });
  }
}
