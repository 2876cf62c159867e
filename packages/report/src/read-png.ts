import { readFile } from 'node:fs/promises';
import { DataError, type RgbImage } from '@vitvq/core';
import { decode } from 'fast-png';

/** Reads a PNG file that {@link writePng} wrote: RGB, 8 bits a channel. @throws {DataError} */
export async function readPng(file: string): Promise<RgbImage> {
  try {
    const { width, height, channels, depth, data } = decode(await readFile(file));
    if (channels === 3 && depth === 8) return { width, height, data: Uint8Array.from(data) };
    const got = `${channels} channels of ${depth} bits`;
    throw new DataError({ where: file, expected: '3 channels of 8 bits', got });
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError({ where: file, expected: 'a PNG file', got: (error as Error).message }, { cause: error });
  }
}
