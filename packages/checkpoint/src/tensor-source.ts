import type { HostTensor } from '@vitvq/core';
import type { SafetensorsDtype } from './dtypes.js';

/** Facts of a tensor before its values are read. */
export interface TensorDescription {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
}

/**
 * Tensors whose values are read one at a time, in order, and dropped before the next one is read.
 * `variableTensors` makes a source of the variables of a model.
 */
export interface TensorSource {
  readonly tensors: readonly TensorDescription[];
  /** Reads the values of a tensor. */
  read(name: string): Promise<HostTensor>;
}

/** Tensors to write: all in memory, or read one at a time. */
export type WritableTensors = ReadonlyMap<string, HostTensor> | TensorSource;

/** A tensor of a file before its values are read. */
export interface TensorEntry {
  readonly name: string;
  readonly shape: readonly number[];
  /** Type in which the file stores the elements. */
  readonly dtype: SafetensorsDtype;
}

/**
 * An open file of named tensors, of safetensors, PyTorch or Flax. Each tensor is read when it is
 * asked for.
 */
export interface TensorFile<Entry extends TensorEntry = TensorEntry> {
  /** Path of the file; for bytes in memory, the name that errors give them. */
  readonly file: string;
  /** Tensors of the file. */
  readonly entries: readonly Entry[];
  /** Beginning of the names in the file that `entries` leave out. @default '' */
  readonly prefix?: string;
  /**
   * Reads one tensor. Tensors of F64, F16, BF16, F8_E4M3, F8_E5M2 and F8_E8M0 become float32, those
   * of integers and BOOL become int32.
   * @throws {DataError} for other types, and where the file cannot be read or an integer does not
   *   fit int32
   */
  read(entry: Entry): Promise<HostTensor>;
  /** Closes the file. */
  close(): Promise<void>;
}
