import type { HostTensor } from '@vitvq/core';
import { fromHostData, toHostData, type WritableDtype } from './dtypes.js';
import { encodeHeader, layOut } from './internal/layout.js';
import { lengthBytes, parseHeader, parseHeaderLength } from './safetensors-header.js';
import type { TensorDescription } from './tensor-source.js';

/** Holds tensors by name, in the order of their bytes, and the metadata stored with them. */
export interface SafetensorsContent {
  readonly tensors: Map<string, HostTensor>;
  readonly metadata: Record<string, string>;
}

/** Options for writing tensors. */
export interface WriteSafetensorsOptions {
  /**
   * Chooses the type in which the elements of a tensor are stored. F16 and BF16 halve a file of
   * weights and round its values. A value that does not fit the type is an error.
   * @default F32 for float32, I32 for int32
   */
  readonly dtypeOf?: (tensor: TensorDescription) => WritableDtype;
}

/**
 * Encodes tensors as a safetensors file (https://github.com/huggingface/safetensors) in memory.
 * @throws {ConfigError} for names or metadata that the format cannot hold, and for values that the
 *   chosen type cannot hold
 * @throws {ShapeError} when a tensor's values do not fill its shape
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>> = {},
  { dtypeOf }: WriteSafetensorsOptions = {},
): Uint8Array<ArrayBuffer> {
  const entries = layOut(tensors, 'encodeSafetensors', dtypeOf);
  const header = encodeHeader(entries, metadata, 'encodeSafetensors');
  const bytes = new Uint8Array(header.length + (entries.at(-1)?.end ?? 0));
  bytes.set(header);
  for (const { name, dtype, begin } of entries) {
    bytes.set(fromHostData(tensors.get(name)!, dtype, name, 'encodeSafetensors'), header.length + begin);
  }
  return bytes;
}

/**
 * Decodes a safetensors file in memory. The result shares no memory with `bytes`. F64, F16, BF16,
 * F8_E4M3, F8_E5M2 and F8_E8M0 become float32; integers and BOOL become int32.
 * @param where  name of the bytes in errors
 * @throws {DataError} for a malformed file, for integers that do not fit int32, and for tensors of
 *   other types
 */
export function decodeSafetensors(bytes: Uint8Array, where = 'decodeSafetensors'): SafetensorsContent {
  const headerBytes = parseHeaderLength(bytes.subarray(0, lengthBytes), bytes.length, where);
  const dataStart = lengthBytes + headerBytes;
  const header = parseHeader(bytes.subarray(lengthBytes, dataStart), bytes.length - dataStart, where);
  const tensors = new Map<string, HostTensor>();
  for (const { name, dtype, shape, begin, end } of header.entries) {
    const own = new Uint8Array(end - begin);
    own.set(bytes.subarray(dataStart + begin, dataStart + end));
    tensors.set(name, { shape, data: toHostData(own, dtype, name, where) });
  }
  return { tensors, metadata: header.metadata };
}
