import { promises as fs } from 'node:fs';
import { DataError } from '@vitvq/core';
import { systemReason } from './system-reason.js';

/**
 * Returns the size of a file in bytes without opening it: opening a pipe would wait for a writer,
 * and a device may have no end.
 * @param noun  description of the file for errors, such as "an index"
 * @throws {DataError} unless it is a regular file that is there
 */
export async function regularFileSize(file: string, noun: string): Promise<number> {
  const expected = `${noun} that can be read`;
  const found = await fs.stat(file).catch((error: unknown) => {
    throw new DataError({ where: file, expected, got: systemReason(error) }, { cause: error });
  });
  if (found.isFile()) return found.size;
  if (found.isDirectory()) throw new DataError({ where: file, expected, got: 'a directory' });
  const fix = 'Copy it to a file first.';
  throw new DataError({ where: file, expected, got: 'a pipe, device or socket', fix });
}
