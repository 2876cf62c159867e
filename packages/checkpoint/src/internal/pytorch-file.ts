import { DataError } from '@vitvq/core';
import { elementBytes } from '../dtypes.js';
import type { AllowedNames } from './pickle/names.js';
import { PickleEnd, type PickleReader } from './pickle/reader.js';
import { unpickle, type Unpickled } from './pickle/unpickle.js';
import type { PickleStorage, PickleValue } from './pickle/values.js';
import type { ReadBytes } from './strided-tensor.js';

/** An open PyTorch checkpoint of either format. */
export interface PyTorchFile {
  /** The saved value, in which tensors are descriptions. */
  readonly root: PickleValue;
  readonly isBigEndian: boolean;
  /** Returns a function that reads a storage. @throws {DataError} when the file lacks part of it */
  locate(storage: PickleStorage): ReadBytes;
}

/** Reads one pickle. @throws {DataError} naming the file and the name that the pickle used */
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

/** Returns the bytes per element of a storage, which is 1 for a storage without a type. */
export function storageElementBytes({ dtype }: PickleStorage): number {
  return dtype === undefined ? 1 : elementBytes(dtype);
}
