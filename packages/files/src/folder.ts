import { promises as fs } from 'node:fs';
import { DataError } from '@vitvq/core';
import { systemReason } from './system-reason.js';

/**
 * Creates a folder and the folders above it.
 * @throws {DataError} naming the folder and the system's reason
 */
export async function createFolder(directory: string): Promise<void> {
  try {
    await fs.mkdir(directory, { recursive: true });
  } catch (error) {
    throw new DataError(
      { where: directory, expected: 'to create the folder', got: systemReason(error) },
      { cause: error },
    );
  }
}

/**
 * Returns the names of what a folder holds; none where there is no such folder.
 * @throws {DataError} naming the folder and the system's reason
 */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return await fs.readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new DataError({ where: directory, expected: 'a folder', got: systemReason(error) }, { cause: error });
  }
}

/**
 * Removes a file, if there is one.
 * @param purpose  what the file is removed for, such as "to remove an older checkpoint"
 * @param fix  advice to the reader of the error
 * @throws {DataError} naming the file and the system's reason
 */
export async function removeFile(file: string, purpose: string, fix?: string): Promise<void> {
  try {
    await fs.rm(file, { force: true });
  } catch (error) {
    throw new DataError({ where: file, expected: purpose, got: systemReason(error), fix }, { cause: error });
  }
}
