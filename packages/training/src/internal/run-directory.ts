import { join } from 'node:path';
import { elementCount } from '@vitvq/core';
import { assertRoom, removeTemporaryFiles, withFolderLock, type FolderLock } from '@vitvq/files';
import type { TrainingTask } from '../training-task.js';
import { partVariables } from './task-parts.js';

const bytesOfValue = 4;

/** Returns the folder in a run's directory that holds the checkpoint of the best evaluation. */
export function bestDirectory(directory: string): string {
  return join(directory, 'best');
}

/**
 * Runs `fn`, with the lock of the directory, while no other run may write there. Before that, what
 * killed runs left there half written is removed, and the disk must have room for a checkpoint.
 * Without a directory it just runs `fn`.
 * @throws {DataError} when another run writes there, or the directory cannot be written to
 */
export async function inRunDirectory<T>(
  directory: string | undefined,
  { parts }: Pick<TrainingTask<never>, 'parts'>,
  fn: (lock?: FolderLock) => Promise<T>,
): Promise<T> {
  if (directory === undefined) return fn();
  return withFolderLock(directory, async (lock) => {
    for (const folder of [directory, bestDirectory(directory)]) await removeTemporaryFiles(folder, '', 0);
    const values = [...partVariables(parts).values()].reduce((sum, { shape }) => sum + elementCount(shape), 0);
    await assertRoom(directory, values * bytesOfValue, 'a checkpoint');
    return fn(lock);
  });
}
