import { promises as fs } from 'node:fs';
import { DataError } from '@vitvq/core';
import { systemReason } from './system-reason.js';

/**
 * Size of a file in bytes, before it is opened: to open a pipe would wait for somebody to write into it, and a device may have no end.
 * @param noun  what the file is, in errors: "an index"
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
