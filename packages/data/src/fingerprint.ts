import { createHash } from 'node:crypto';
import type { ImageSource, ImageStorage, Resampling } from './image-source.js';

/** Images whose bytes count, spread evenly over those in memory. */
const samples = 256;

/**
 * A short text that differs when a source has other images, another order, other labels or another resampling: a resumed
 * training compares it. Files count by their paths below the folder, which may move; that a file has been painted over goes unnoticed. Of images in
 * memory, the bytes of up to 256 count.
 */
export function sourceFingerprint({ storage, labels, classes, length }: ImageSource): string {
  const hash = createHash('sha256').update(JSON.stringify([storage.kind, length, classes]));
  hash.update(bytesOf(labels));
  if (storage.kind === 'files') {
    for (const file of storage.files) hash.update(file).update('\0');
  } else {
    const { pixels, rows, height, width, channels } = storage;
    const size = height * width * channels;
    hash.update(JSON.stringify([height, width, channels])).update(bytesOf(rows));
    const stride = Math.max(1, Math.ceil(length / samples));
    for (let image = 0; image < length; image += stride) {
      hash.update(pixels.subarray(rows[image]! * size, (rows[image]! + 1) * size));
    }
  }
  // Only where it is not the usual, so that sources keep the fingerprints that older checkpoints hold.
  if (resamplingOf(storage) === 'nearest') hash.update('nearest');
  return hash.digest('hex').slice(0, 32);
}

function resamplingOf(storage: ImageStorage): Resampling {
  return storage.kind === 'files' ? storage.decoding.resampling : storage.resampling;
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array | Uint32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
