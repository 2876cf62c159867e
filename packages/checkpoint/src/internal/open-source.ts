import { toHostData } from '../dtypes.js';
import type { SafetensorsFile } from '../safetensors-file.js';
import { lengthBytes, parseHeader, parseHeaderLength, type SafetensorsEntry } from '../safetensors-header.js';
import type { ByteSource } from './byte-source.js';
import { formatBytes } from './foreign-format.js';

/** An open safetensors file and the position at which its tensors begin. */
export interface OpenedSource {
  readonly opened: SafetensorsFile;
  /** Bytes before the data section. */
  readonly dataStart: number;
}

/**
 * Validates the header of a safetensors file. The source is closed when that fails, and otherwise
 * by `opened.close()`.
 * @throws {DataError} naming the source and the problem
 */
export async function openSource(source: ByteSource): Promise<OpenedSource> {
  const { path, size } = source;
  try {
    const first = await source.read(0, Math.min(size, formatBytes));
    const dataStart = lengthBytes + parseHeaderLength(first, size, path);
    const header = parseHeader(await source.read(lengthBytes, dataStart), size - dataStart, path);
    const readBytes = ({ begin, end }: SafetensorsEntry): Promise<Uint8Array<ArrayBuffer>> =>
      source.read(dataStart + begin, dataStart + end);
    const opened: SafetensorsFile = {
      file: path,
      ...header,
      readBytes,
      read: async (entry) => ({
        shape: entry.shape,
        data: toHostData(await readBytes(entry), entry.dtype, entry.name, path),
      }),
      close: () => source.close(),
    };
    return { opened, dataStart };
  } catch (error) {
    await source.close();
    throw error;
  }
}
