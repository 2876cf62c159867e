import type { Hash } from 'node:crypto';
import { DataError } from '@vitvq/core';

/** Hashed at once; small enough to keep the event loop alive between two pieces. */
const pieceBytes = 4 * 2 ** 20;

/** Stands where a checksum will be, so that what the checksum is of can be written first. */
export const checksumPlace = '0'.repeat(64);

/** Adds bytes to a hash without blocking. */
export async function updateHash(hash: Hash, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; done += pieceBytes) {
    hash.update(bytes.subarray(done, done + pieceBytes));
    if (done + pieceBytes < bytes.length) await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** Compares SHA-256 sums in hexadecimal digits. @throws {DataError} */
export function assertChecksum(actual: string, expected: string, where: string): void {
  if (actual === expected) return;
  throw new DataError({
    where,
    expected: `SHA-256 ${expected.slice(0, 16)}...`,
    got: `${actual.slice(0, 16)}...`,
    fix: 'The file was damaged after it was written.',
  });
}
