import { promises as fs } from 'node:fs';
import { DataError, type HostTensor } from '@vitvq/core';
import { systemReason, writeAtomically } from './internal/atomic-write.js';
import { toHostData } from './internal/dtypes.js';
import {
  bytesOf,
  encodeHeader,
  lengthBytes,
  parseHeader,
  parseHeaderLength,
  type SafetensorsEntry,
} from './internal/header.js';

/** Tensors by name, in the order of their bytes, and the strings stored with them. */
export interface SafetensorsContent {
  readonly tensors: Map<string, HostTensor>;
  readonly metadata: Record<string, string>;
}

/** An open file whose header has been validated; tensors are read when asked for. */
export interface SafetensorsFile {
  readonly file: string;
  /** In the order of their bytes. */
  readonly entries: readonly SafetensorsEntry[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Reads one tensor; needs no more memory than its bytes in the file and its values. */
  read(entry: SafetensorsEntry): Promise<HostTensor>;
  /** Reads a tensor's bytes as they are in the file. */
  readBytes(entry: SafetensorsEntry): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/**
 * A safetensors file (https://github.com/huggingface/safetensors) in memory: F32 for float32, I32 for int32 values.
 * @throws {ConfigError} for names or metadata that the format cannot hold
 * @throws {ShapeError} when a tensor's values do not fill its shape
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const header = encodeHeader(tensors, metadata, 'encodeSafetensors');
  const bytes = new Uint8Array(header.bytes.length + header.dataBytes);
  bytes.set(header.bytes);
  for (const { name, begin } of header.entries) bytes.set(bytesOf(tensors.get(name)!), header.bytes.length + begin);
  return bytes;
}

/**
 * Reads a safetensors file from memory; the result shares nothing with `bytes`. F64, F16 and BF16 become float32, other
 * types int32.
 * @param where  what to call the bytes in errors
 * @throws {DataError} for anything but a well-formed file, and for integers that do not fit int32
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
 * Opens a file to read it tensor by tensor. Close it.
 * @throws {DataError} naming the file and what is wrong with it
 */
export async function openSafetensors(file: string): Promise<SafetensorsFile> {
  let handle: fs.FileHandle;
  try {
    handle = await fs.open(file, 'r');
  } catch (error) {
    throw unreadable(file, error);
  }
  /** Exactly the bytes `[begin, end)` of the file. */
  const readRange = async (begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> => {
    let bytes: Uint8Array<ArrayBuffer>;
    let done = 0;
    try {
      bytes = new Uint8Array(end - begin);
      while (done < bytes.length) {
        const { bytesRead } = await handle.read(bytes, done, Math.min(bytes.length - done, 2 ** 30), begin + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
    } catch (error) {
      throw unreadable(file, error);
    }
    if (done < bytes.length) {
      throw new DataError({ where: file, expected: `${end} bytes`, got: `the end of the file at ${begin + done}` });
    }
    return bytes;
  };
  try {
    const { size } = await handle.stat();
    const first = await readRange(0, Math.min(size, lengthBytes));
    const headerBytes = parseHeaderLength(first, size, file);
    const dataStart = lengthBytes + headerBytes;
    const header = parseHeader(await readRange(lengthBytes, dataStart), size - dataStart, file);
    const readBytes = ({ begin, end }: SafetensorsEntry): Promise<Uint8Array<ArrayBuffer>> =>
      readRange(dataStart + begin, dataStart + end);
    return {
      file,
      ...header,
      readBytes,
      async read(entry) {
        const data = toHostData(await readBytes(entry), entry.dtype, entry.name, file);
        return { shape: entry.shape, data };
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Reads a whole file, one tensor after the other: no more memory than its values and the bytes of its largest tensor.
 * @throws {DataError} naming the file and what is wrong with it; the file may come from anywhere
 */
export async function readSafetensors(file: string): Promise<SafetensorsContent> {
  const opened = await openSafetensors(file);
  try {
    const tensors = new Map<string, HostTensor>();
    for (const entry of opened.entries) tensors.set(entry.name, await opened.read(entry));
    return { tensors, metadata: { ...opened.metadata } };
  } finally {
    await opened.close();
  }
}

/**
 * Writes a file, one tensor after the other, without a copy of the values. Atomic: after a failure (a full disk, a kill)
 * the previous file of that name is as it was.
 * @throws {DataError} naming the file and the system's reason
 * @throws {ConfigError} for names or metadata that the format cannot hold
 * @throws {ShapeError} when a tensor's values do not fill its shape
 */
export async function writeSafetensors(
  file: string,
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const header = encodeHeader(tensors, metadata, file);
  await writeAtomically(file, [header.bytes, ...header.entries.map(({ name }) => bytesOf(tensors.get(name)!))]);
}

function unreadable(file: string, error: unknown): DataError {
  return new DataError(
    { where: file, expected: 'a safetensors file that can be read', got: systemReason(error) },
    { cause: error },
  );
}
