import type { HostTensor } from '@vitvq/core';
import type { SafetensorsDtype } from './dtypes.js';

/** What is known of a tensor before its values are read. */
export interface TensorDescription {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
}

/**
 * Tensors whose values are read one at a time, in order, and dropped before the next: see
 * `variableTensors`.
 */
export interface TensorSource {
  readonly tensors: readonly TensorDescription[];
  read(name: string): Promise<HostTensor>;
}

/** Tensors to be written: all in memory, or read one at a time. */
export type WritableTensors = ReadonlyMap<string, HostTensor> | TensorSource;

/** A tensor of a file, before its values are read. */
export interface TensorEntry {
  readonly name: string;
  readonly shape: readonly number[];
  /** How the file stores its elements. */
  readonly dtype: SafetensorsDtype;
}

/** An open file of named tensors, each read when asked for: of safetensors, or of PyTorch. */
export interface TensorFile<Entry extends TensorEntry = TensorEntry> {
  readonly file: string;
  readonly entries: readonly Entry[];
  /**
   * Reads one tensor: F64, F16, BF16, F8_E4M3, F8_E5M2 and F8_E8M0 as float32, integers and BOOL as
   * int32.
   * @throws {DataError} for other types, and where the file cannot be read or an integer does not
   *   fit int32
   */
  read(entry: Entry): Promise<HostTensor>;
  close(): Promise<void>;
}
