import type { HostTensor } from '@vitvq/core';
import type { SafetensorsEntry } from './safetensors-header.js';
import type { TensorFile } from './tensor-source.js';

/** An open file whose header has been validated. Tensors are read on demand. */
export interface SafetensorsFile extends TensorFile<SafetensorsEntry> {
  /** Tensors in the order of their bytes. */
  readonly entries: readonly SafetensorsEntry[];
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Reads one tensor. It needs no more memory than the tensor's bytes in the file and its values.
   * @throws {DataError} for integers that do not fit int32, and for C64, F4, F6_* and F8_*FNUZ,
   *   which are neither float32 nor int32
   */
  read(entry: SafetensorsEntry): Promise<HostTensor>;
  /** Reads the bytes of a tensor of any type as they are in the file. @throws {DataError} */
  readBytes(entry: SafetensorsEntry): Promise<Uint8Array<ArrayBuffer>>;
}
