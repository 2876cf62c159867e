import { DataError } from '@vitvq/core';
import { elementBytes } from '../dtypes.js';
import type { AllowedNames } from './pickle/names.js';
import { PickleEnd, type PickleReader } from './pickle/reader.js';
import { unpickle, type Unpickled } from './pickle/unpickle.js';
import type { PickleStorage, PickleValue } from './pickle/values.js';
import type { ReadBytes } from './strided-tensor.js';

/** A checkpoint of PyTorch, in whichever format. */
export interface PyTorchFile {
  /** What was saved; tensors are descriptions. */
  readonly root: PickleValue;
  readonly isBigEndian: boolean;
  /** How to read a storage. @throws {DataError} unless the file has all of it */
  locate(storage: PickleStorage): ReadBytes;
}

/** One pickle. @throws {DataError} naming the file and what the pickle asks for */
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

/** Bytes of an element of a storage; one without a type counts bytes. */
export function storageElementBytes({ dtype }: PickleStorage): number {
  return dtype === undefined ? 1 : elementBytes(dtype);
}
