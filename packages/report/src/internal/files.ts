import { mkdir, writeFile } from 'node:fs/promises';
import { DataError } from '@vitvq/core';

/** Writes a file. @throws {DataError} naming the file and the system's reason */
export async function writeWhole(file: string, content: string | Uint8Array): Promise<void> {
  try {
    await writeFile(file, content);
  } catch (error) {
    throw new DataError(
      { where: file, expected: 'to write the file', got: (error as Error).message },
      { cause: error },
    );
  }
}

/** Creates a folder and those above it. @throws {DataError} */
export async function createFolder(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    throw new DataError(
      { where: directory, expected: 'to create the folder', got: (error as Error).message },
      { cause: error },
    );
  }
}
