import { DataError } from '@vitvq/core';
import { InputFile } from './input-file.js';

/**
 * Reads a regular file that may come from anywhere. A file that is larger than `maximumBytes` is
 * refused before any of it is read.
 * @param noun  description of the file for errors, such as "an image"
 * @throws {DataError} for a larger file, for what cannot be read, and for pipes, devices and
 *   directories
 */
export async function readBytes(file: string, noun: string, maximumBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const input = await InputFile.open(file, noun);
  try {
    if (input.size > maximumBytes) {
      const expected = `${noun} of at most ${maximumBytes} bytes`;
      throw new DataError({ where: file, expected, got: `${input.size}` });
    }
    return await input.read(0, input.size);
  } finally {
    await input.close();
  }
}

/**
 * Reads a text in UTF-8 as {@link readBytes} reads bytes. Bytes that are no UTF-8 become U+FFFD.
 * @throws {DataError} as `readBytes`
 */
export async function readText(file: string, noun: string, maximumBytes: number): Promise<string> {
  return new TextDecoder().decode(await readBytes(file, noun, maximumBytes));
}
