import type { HostTensor } from '@vitvq/core';
import { writeAtomically } from '@vitvq/files';
import { fromHostData, toHostData, type WritableDtype } from './internal/dtypes.js';
import { parseHeader, parseHeaderLength, lengthBytes, type SafetensorsEntry } from './internal/header.js';
import { encodeHeader, forEachTensor, layOut } from './internal/layout.js';
import { openWithData } from './internal/open-file.js';
import type { TensorDescription, TensorFile, WritableTensors } from './tensor-source.js';

/** Tensors by name, in the order of their bytes, and the strings stored with them. */
export interface SafetensorsContent {
  readonly tensors: Map<string, HostTensor>;
  readonly metadata: Record<string, string>;
}

export interface WriteSafetensorsOptions {
  /**
   * How the elements of each tensor are stored: F16 and BF16 halve a file of weights, and round its values; a value that does not
   * fit its type is an error. @default F32 for float32, I32 for int32
   */
  readonly dtypeOf?: (tensor: TensorDescription) => WritableDtype;
}

/** An open file whose header has been validated; tensors are read when asked for. */
export interface SafetensorsFile extends TensorFile<SafetensorsEntry> {
  /** In the order of their bytes. */
  readonly entries: readonly SafetensorsEntry[];
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Reads one tensor; needs no more memory than its bytes in the file and its values.
   * @throws {DataError} for integers that do not fit int32, and for C64, F4, F6_* and F8_*FNUZ, which are neither float32 nor int32
   */
  read(entry: SafetensorsEntry): Promise<HostTensor>;
  /** Reads a tensor's bytes as they are in the file, of whatever type. @throws {DataError} */
  readBytes(entry: SafetensorsEntry): Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * A safetensors file (https://github.com/huggingface/safetensors) in memory.
 * @throws {ConfigError} for names or metadata that the format cannot hold, and values that a chosen type cannot
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
 * Reads a safetensors file from memory; the result shares nothing with `bytes`. F64, F16, BF16, F8_E4M3, F8_E5M2 and F8_E8M0 become
 * float32, integers and BOOL int32.
 * @param where  what to call the bytes in errors
 * @throws {DataError} for anything but a well-formed file, for integers that do not fit int32, and for tensors of other types
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

/**
 * Opens a file to read it tensor by tensor. Close it. A header may have 100 MB, 1,000,000 names of 4,096 characters (of tensors, their
 * fields, metadata) and 4,000,000 values.
 * @throws {DataError} naming the file and what is wrong with it
 */
export async function openSafetensors(file: string): Promise<SafetensorsFile> {
  return (await openWithData(file)).opened;
}

/**
 * Reads a whole file, one tensor after the other: no more memory than its values and the bytes of its largest tensor.
 * @throws {DataError} naming the file and what is wrong with it; the file may come from anywhere
 */
export async function readSafetensors(file: string): Promise<SafetensorsContent> {
  const opened = await openSafetensors(file);
  try {
    return { tensors: await readAll(opened), metadata: { ...opened.metadata } };
  } finally {
    await opened.close();
  }
}

/** All tensors of an open file, in memory. */
export async function readAll(opened: SafetensorsFile): Promise<Map<string, HostTensor>> {
  const tensors = new Map<string, HostTensor>();
  for (const entry of opened.entries) tensors.set(entry.name, await opened.read(entry));
  return tensors;
}

/**
 * Writes a file, one tensor after the other, without a copy of the values. Atomic: after a failure (a full disk, a kill)
 * the previous file of that name is as it was.
 * @throws {DataError} naming the file and the system's reason
 * @throws {ConfigError} for names or metadata that the format cannot hold, and values that a chosen type cannot
 * @throws {ShapeError} when a tensor's values do not fill its shape
 */
export async function writeSafetensors(
  file: string,
  tensors: WritableTensors,
  metadata: Readonly<Record<string, string>> = {},
  { dtypeOf }: WriteSafetensorsOptions = {},
): Promise<void> {
  const entries = layOut(tensors, file, dtypeOf);
  const header = encodeHeader(entries, metadata, file);
  await writeAtomically(file, async (output) => {
    await output.append(header);
    await forEachTensor(tensors, entries, file, (bytes) => output.append(bytes));
  });
}
