import { DataError, UnusableImageError } from '@vitvq/core';
import type { ByteRange } from './byte-range.js';

/** Where the bytes of an image lie. */
export interface Member {
  readonly file: ByteRange;
  readonly offset: number;
  readonly size: number;
}

/**
 * Reads an image that lies in a larger file.
 * @throws {UnusableImageError} when it cannot be read or is larger than images may be
 */
export async function readMember(
  { file, offset, size }: Member,
  maximumBytes: number | undefined,
): Promise<{ readonly bytes: Uint8Array }> {
  // A size that is not limited here is refused when the image is decoded, as that of a file is.
  if (maximumBytes !== undefined && size > maximumBytes) {
    throw new UnusableImageError(`it has ${size} bytes, more than ${maximumBytes}`);
  }
  try {
    return { bytes: await file.read(offset, offset + size) };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new UnusableImageError(`it cannot be read: ${error.got}`, { cause: error });
  }
}
