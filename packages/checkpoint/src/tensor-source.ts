import type { HostTensor } from '@vitvq/core';

/** What is known of a tensor before its values are read. */
export interface TensorDescription {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
}

/** Tensors whose values are read one at a time, in order, and dropped before the next: see `variableTensors`. */
export interface TensorSource {
  readonly tensors: readonly TensorDescription[];
  read(name: string): Promise<HostTensor>;
}

/** Tensors to be written: all in memory, or read one at a time. */
export type WritableTensors = ReadonlyMap<string, HostTensor> | TensorSource;
