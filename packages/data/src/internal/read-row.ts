import { DataError, UnusableImageError, type EncodedImage, type SourceImage } from '@vitvq/core';
import type { ImageDataset } from '../image-dataset.js';
import type { PlannedImage } from './batch-plan.js';
import { DECODED_CHANNELS } from './decode-image.js';
import { conditionReason, type DecodeRow } from './decode-row.js';
import type { Raster } from './raster.js';

/** Why a row has no image. */
export interface UnreadRow {
  /** Name of the image, for messages. */
  readonly name: string;
  readonly reason: string;
}

/** Returns the name of an image in its source. */
export function imageName(source: ImageDataset, index: number): string {
  return source.nameOf?.(index) ?? `image ${index}`;
}

/**
 * Reads an image, and its condition image from the second source.
 * @throws {DataError} when a source breaks its contract; and whatever `read` of a source throws
 */
export async function readRow(
  sources: readonly ImageDataset[],
  { index, draws }: PlannedImage,
): Promise<DecodeRow | UnreadRow> {
  const images: (EncodedImage | Raster)[] = [];
  const names: string[] = [];
  for (const [position, source] of sources.entries()) {
    const named = `${imageName(source, index)} of ${source.name}`;
    try {
      const image = await source.read(index);
      images.push(checked(image, source, named));
      names.push('file' in image ? image.file : named);
    } catch (error) {
      if (!(error instanceof UnusableImageError)) throw error;
      const reason = position === 0 ? error.message : conditionReason(named, error.message);
      return { name: names[0] ?? named, reason };
    }
  }
  return { names, images, draws };
}

function checked(image: SourceImage, { channels }: ImageDataset, where: string): EncodedImage | Raster {
  if (!('pixels' in image)) {
    if (channels === DECODED_CHANNELS) return image;
    throw new DataError({
      where,
      expected: `pixels, because the source has ${channels} channels`,
      got: 'an encoded image, which has 3',
      fix: 'Decode the images in the source, or leave its channels out.',
    });
  }
  const { pixels, height, width } = image;
  const size = height * width * channels;
  if (!(pixels instanceof Uint8Array) || pixels.length !== size || size === 0) {
    throw new DataError({
      where,
      expected: `a Uint8Array of ${height}x${width}x${channels} pixels, ${size} bytes`,
      got: pixels instanceof Uint8Array ? `${pixels.length} bytes` : typeof pixels,
      fix: 'Check height, width and the channels of the source.',
    });
  }
  return { pixels, height, width, channels };
}
