import type { HostTensor } from '@vitvq/core';
import type { SafetensorsEntry } from './safetensors-header.js';
import type { TensorFile } from './tensor-source.js';

/** An open safetensors file with a valid header. Each tensor is read when it is asked for. */
export interface SafetensorsFile extends TensorFile<SafetensorsEntry> {
  /** Tensors of the file, in the order of their bytes. */
  readonly entries: readonly SafetensorsEntry[];
  /** Strings that are stored beside the tensors. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Reads one tensor. Reading takes no more memory than the bytes of the tensor and its values.
   * @throws {DataError} for integers that do not fit int32, and for tensors of C64, F4, F6_* and
   *   F8_*FNUZ, which are neither float32 nor int32
   */
  read(entry: SafetensorsEntry): Promise<HostTensor>;
  /** Reads the bytes of a tensor of any type, as the file holds them. @throws {DataError} */
  readBytes(entry: SafetensorsEntry): Promise<Uint8Array<ArrayBuffer>>;
}
