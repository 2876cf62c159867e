import { DataError } from '@vitvq/core';

/** Placeholder for a checksum, so that the bytes that it covers can be written first. */
export const checksumPlace = '0'.repeat(64);

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
