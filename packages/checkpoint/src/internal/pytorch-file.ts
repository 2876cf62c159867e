import { DataError } from '@vitvq/core';
import type { AllowedNames } from './pickle/names.js';
import { PickleEnd, type PickleReader } from './pickle/reader.js';
import { unpickle, type Unpickled } from './pickle/unpickle.js';
import type { PickleStorage, PickleValue } from './pickle/values.js';
import type { ReadBytes } from './strided-tensor.js';

/** Content of a PyTorch checkpoint of either format. */
export interface PyTorchFile {
  /** Value that was saved; its tensors are descriptions. */
  readonly root: PickleValue;
  readonly isBigEndian: boolean;
  /**
   * Returns the function that reads a storage.
   * @throws {DataError} unless the file holds all of the storage
   */
  locate(storage: PickleStorage): ReadBytes;
}

/** Reads one pickle. @throws {DataError} naming the file and what the pickle asks for */
export function readPickle(reader: PickleReader, names: AllowedNames, where: string): Unpickled {
  const refuse = (expected: string, got: string, fix?: string): never => {
    throw new DataError({ where, expected, got, fix });
  };
  try {
    return unpickle(reader, { names, refuse });
  } catch (error) {
    if (!(error instanceof PickleEnd)) throw error;
    throw new DataError(
      { where, expected: 'the rest of a pickle', got: 'its end', fix: 'The file is damaged or was cut off.' },
      { cause: error },
    );
  }
}

/** Returns the bytes of an element of a storage; a storage without a type counts bytes. */
export function storageElementBytes({ type }: PickleStorage): number {
  return type?.bytes ?? 1;
}
