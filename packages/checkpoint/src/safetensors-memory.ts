import { checkOptions, type HostTensor, type OptionTable } from '@vitvq/core';
import { fromHostData, toHostData, type WritableDtype } from './dtypes.js';
import { bytesInMemory, copyBytes } from './internal/byte-source.js';
import { formatBytes } from './internal/foreign-format.js';
import { encodeHeader, layOut } from './internal/layout.js';
import { openSource } from './internal/open-source.js';
import type { SafetensorsFile } from './safetensors-file.js';
import { lengthBytes, parseHeader, parseHeaderLength } from './safetensors-header.js';
import type { TensorDescription } from './tensor-source.js';

/** Tensors by name, in the order of their bytes, and the strings that are stored with them. */
export interface SafetensorsContent {
  readonly tensors: Map<string, HostTensor>;
  readonly metadata: Record<string, string>;
}

/** Options of {@link encodeSafetensors} and `writeSafetensors`. */
export interface WriteSafetensorsOptions {
  /**
   * Returns the type in which the elements of a tensor are stored. F16 and BF16 halve a file of
   * weights and round its values; a value that does not fit its type is an error.
   * @default F32 for float32, I32 for int32
   */
  readonly dtypeOf?: (tensor: TensorDescription) => WritableDtype;
}

/** Names of the options of writing safetensors. */
export const writeSafetensorsOptionNames: OptionTable<WriteSafetensorsOptions> = {
  dtypeOf: 'optional',
};

/**
 * Returns the bytes of a safetensors file (https://github.com/huggingface/safetensors).
 * @throws {ConfigError} for names or metadata that the format cannot hold, and for values that a
 *   chosen type cannot hold
 * @throws {ShapeError} when the values of a tensor do not fill its shape
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>> = {},
  options: WriteSafetensorsOptions = {},
): Uint8Array<ArrayBuffer> {
  const { dtypeOf } = checkOptions(options, writeSafetensorsOptionNames, 'encodeSafetensors');
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
 * Reads a safetensors file from memory. The result shares nothing with `bytes`. Tensors of F64,
 * F16, BF16, F8_E4M3, F8_E5M2 and F8_E8M0 become float32, those of integers and BOOL become int32.
 * @param where  name of the bytes in errors
 * @throws {DataError} for anything but a well-formed file, for integers that do not fit int32, and
 *   for tensors of other types
 */
export function decodeSafetensors(bytes: Uint8Array, where = 'decodeSafetensors'): SafetensorsContent {
  const headerBytes = parseHeaderLength(bytes.subarray(0, formatBytes), bytes.length, where);
  const dataStart = lengthBytes + headerBytes;
  const header = parseHeader(bytes.subarray(lengthBytes, dataStart), bytes.length - dataStart, where);
  const tensors = new Map<string, HostTensor>();
  for (const { name, dtype, shape, begin, end } of header.entries) {
    const own = copyBytes(bytes, dataStart + begin, dataStart + end);
    tensors.set(name, { shape, data: toHostData(own, dtype, name, where) });
  }
  return { tensors, metadata: header.metadata };
}

/**
 * Opens a safetensors file in memory to read it tensor by tensor, as `openSafetensors` of the main
 * entry opens a file on disk. The array must not change while it is open; tensors that are read
 * share nothing with it.
 * @param where  name of the bytes in errors, such as their address
 * @throws {DataError} for anything but a well-formed file
 */
export async function openSafetensorsBytes(
  bytes: Uint8Array,
  where = 'openSafetensorsBytes',
): Promise<SafetensorsFile> {
  return (await openSource(bytesInMemory(bytes, where))).opened;
}
