import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { AppendOnlyFile, namesIn, systemReason } from '@vitvq/files';

const namePattern = /^events\.out\.tfevents\.(\d{10,})\./;

/**
 * Creates `events.out.tfevents.<seconds>.<...>` in a folder, and the folder if it does not exist.
 * Readers take the files of a folder in the order of their names, so the seconds are later than
 * those of every existing file.
 * @throws {DataError} naming the folder and the system's reason
 */
export async function createEventFile(directory: string): Promise<AppendOnlyFile> {
  try {
    await fs.mkdir(directory, { recursive: true });
    const earlier = (await namesIn(directory)).map((name) => Number(namePattern.exec(name)?.[1] ?? 0));
    const seconds = Math.max(Math.floor(Date.now() / 1000), ...earlier.map((time) => time + 1));
    const name = `events.out.tfevents.${String(seconds).padStart(10, '0')}.vitvq.${process.pid}`;
    return await AppendOnlyFile.create(join(directory, name));
  } catch (error) {
    const got = error instanceof DataError ? error.got : systemReason(error);
    throw new DataError({ where: directory, expected: 'to create an event file', got }, { cause: error });
  }
}
