import { checkOptions, type HostTensor } from '@vitvq/core';
import { writeAtomically } from '@vitvq/files';
import { encodeHeader, layOut } from './internal/layout.js';
import { openWithData } from './internal/open-file.js';
import { forEachTensor } from './internal/write-tensors.js';
import type { SafetensorsFile } from './safetensors-file.js';
import {
  writeSafetensorsOptionNames,
  type SafetensorsContent,
  type WriteSafetensorsOptions,
} from './safetensors-memory.js';
import type { WritableTensors } from './tensor-source.js';

/**
 * Opens a file to read it tensor by tensor. The caller closes it. A header has at most 100 MB,
 * 1,000,000 names (of tensors, their fields and metadata) of 4,096 characters, and 4,000,000
 * values.
 * @throws {DataError} naming the file and the problem
 */
export async function openSafetensors(file: string): Promise<SafetensorsFile> {
  return (await openWithData(file)).opened;
}

/**
 * Reads a whole file, one tensor after the other. Reading takes no more memory than the values and
 * the bytes of the largest tensor. The file may come from anywhere.
 * @throws {DataError} naming the file and the problem
 */
export async function readSafetensors(file: string): Promise<SafetensorsContent> {
  const opened = await openSafetensors(file);
  try {
    return { tensors: await readAll(opened), metadata: { ...opened.metadata } };
  } finally {
    await opened.close();
  }
}

/** Reads all tensors of an open file into memory. */
export async function readAll(opened: SafetensorsFile): Promise<Map<string, HostTensor>> {
  const tensors = new Map<string, HostTensor>();
  for (const entry of opened.entries) tensors.set(entry.name, await opened.read(entry));
  return tensors;
}

/**
 * Writes a file, one tensor after the other, without a copy of the values. Writing is atomic: after
 * a failure (a full disk, a kill) the previous file of that name is unchanged.
 * @throws {DataError} naming the file and the system's reason
 * @throws {ConfigError} for names or metadata that the format cannot hold, and for values that a
 *   chosen type cannot hold
 * @throws {ShapeError} when the values of a tensor do not fill its shape
 */
export async function writeSafetensors(
  file: string,
  tensors: WritableTensors,
  metadata: Readonly<Record<string, string>> = {},
  options: WriteSafetensorsOptions = {},
): Promise<void> {
  const { dtypeOf } = checkOptions(options, writeSafetensorsOptionNames, 'writeSafetensors');
  const entries = layOut(tensors, file, dtypeOf);
  const header = encodeHeader(entries, metadata, file);
  await writeAtomically(file, async (output) => {
    await output.append(header);
    await forEachTensor(tensors, entries, file, (bytes) => output.append(bytes));
  });
}
