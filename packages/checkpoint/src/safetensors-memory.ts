import type { HostTensor } from '@vitvq/core';
import { fromHostData, toHostData, type WritableDtype } from './dtypes.js';
import { encodeHeader, layOut } from './internal/layout.js';
import { lengthBytes, parseHeader, parseHeaderLength } from './safetensors-header.js';
import type { TensorDescription } from './tensor-source.js';

/** Tensors by name, in the order of their bytes, and the strings stored with them. */
export interface SafetensorsContent {
  readonly tensors: Map<string, HostTensor>;
  readonly metadata: Record<string, string>;
}

/** Options for writing tensors. */
export interface WriteSafetensorsOptions {
  /**
   * How the elements of each tensor are stored: F16 and BF16 halve a file of weights, and round its
   * values; a value that does not fit its type is an error. @default F32 for float32, I32 for int32
   */
  readonly dtypeOf?: (tensor: TensorDescription) => WritableDtype;
}

/**
 * A safetensors file (https://github.com/huggingface/safetensors) in memory.
 * @throws {ConfigError} for names or metadata that the format cannot hold, and values that a chosen
 *   type cannot
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
 * Reads a safetensors file from memory; the result shares nothing with `bytes`. F64, F16, BF16,
 * F8_E4M3, F8_E5M2 and F8_E8M0 become float32, integers and BOOL int32.
 * @param where  what to call the bytes in errors
 * @throws {DataError} for anything but a well-formed file, for integers that do not fit int32, and
 *   for tensors of other types
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
