import type { HostTensor } from '@vitvq/core';
import type { SafetensorsDtype } from './dtypes.js';

/** Describes a tensor whose values have not been read. */
export interface TensorDescription {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
}

/**
 * Tensors whose values are read one at a time, in order, and released before the next one is read.
 * `variableTensors` returns such a source.
 */
export interface TensorSource {
  readonly tensors: readonly TensorDescription[];
  read(name: string): Promise<HostTensor>;
}

/** Tensors to be written, either all in memory or read one at a time. */
export type WritableTensors = ReadonlyMap<string, HostTensor> | TensorSource;

/** Describes a tensor of a file whose values have not been read. */
export interface TensorEntry {
  readonly name: string;
  readonly shape: readonly number[];
  /** Type in which the file stores the elements. */
  readonly dtype: SafetensorsDtype;
}

/** An open safetensors file or PyTorch checkpoint, whose named tensors are read on demand. */
export interface TensorFile<Entry extends TensorEntry = TensorEntry> {
  readonly file: string;
  readonly entries: readonly Entry[];
  /**
   * Reads one tensor. F32, F64, F16, BF16, F8_E4M3, F8_E5M2 and F8_E8M0 become float32; integers
   * and BOOL become int32.
   * @throws {DataError} for other types, when the file cannot be read, and when an integer does not
   *   fit int32
   */
  read(entry: Entry): Promise<HostTensor>;
  close(): Promise<void>;
}
