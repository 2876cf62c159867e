import { UnusableImageError } from '@vitvq/core';
import type { DecodeSettings } from './complete-source.js';
import type { Pixels2D } from './crop-region.js';
import { checkPixels, readImageSize } from './decode-image.js';

/** How a file is checked. */
export interface FileCheck {
  readonly decoding: DecodeSettings;
  /** Height and width that an upright image needs. */
  readonly minimum: Pixels2D;
  /** Whether the whole image is decoded, and not only its header read. */
  readonly decode: boolean;
}

/** Returns why a file is no usable image; undefined when nothing speaks against it. */
export async function problemOf(file: string, { decoding, minimum, decode }: FileCheck): Promise<string | undefined> {
  try {
    const [height, width] = await readImageSize(file, decoding);
    if (height < minimum[0] || width < minimum[1]) {
      return `it is ${height}x${width}, smaller than ${minimum[0]}x${minimum[1]} (height x width)`;
    }
    if (decode) await checkPixels(file, decoding);
    return undefined;
  } catch (error) {
    if (error instanceof UnusableImageError) return error.message;
    throw error;
  }
}
