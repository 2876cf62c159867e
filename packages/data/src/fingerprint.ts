import { createHash } from 'node:crypto';
import type { ImageSource } from '@vitvq/core';
import { completeSource } from './internal/complete-source.js';

/**
 * Returns a short text that differs when a source has other images, another order, other labels or
 * another resampling. A resumed training compares it. Images count by the `identity` of their
 * source: a folder's are the paths of its files below the folder, which may move, so that a file
 * with new content goes unnoticed; of an array, the bytes of up to 256 images count. A source
 * without an identity counts by its name.
 * @throws {ConfigError} @throws {DataError} when the source describes itself wrongly
 */
export function sourceFingerprint(source: ImageSource): string {
  const { length, identity, classNames, labels, channels, imageSize, decoding } = completeSource(
    source,
    'sourceFingerprint',
  );
  const facts = [length, identity, classNames, channels, imageSize ?? null, decoding.resampling];
  return createHash('sha256')
    .update(JSON.stringify(facts))
    .update(new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength))
    .digest('hex')
    .slice(0, 32);
}
