import { createHash, type Hash } from 'node:crypto';
import { DataError } from '@vitvq/core';
import { InputFile } from './input-file.js';

/** Bytes that are hashed at once. The event loop runs between two pieces. */
const pieceBytes = 4 * 2 ** 20;

/** Adds bytes to a hash without blocking the event loop. */
export async function updateHash(hash: Hash, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; done += pieceBytes) {
    hash.update(bytes.subarray(done, done + pieceBytes));
    if (done + pieceBytes < bytes.length) await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** Returns the SHA-256 of a file in hexadecimal digits; undefined where no file can be read. */
export async function sha256OfFile(file: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    const input = await InputFile.open(file, 'a file');
    try {
      await input.hash(hash);
    } finally {
      await input.close();
    }
  } catch (error) {
    if (error instanceof DataError) return undefined;
    throw error;
  }
  return hash.digest('hex');
}
