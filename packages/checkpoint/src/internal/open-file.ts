import { InputFile } from '@vitvq/files';
import type { SafetensorsFile } from '../safetensors-file.js';
import { toHostData } from '../dtypes.js';
import { lengthBytes, parseHeader, parseHeaderLength, type SafetensorsEntry } from '../safetensors-header.js';

/** An open file and the position of its data section. */
export interface FileWithData {
  readonly input: InputFile;
  readonly dataStart: number;
  readonly opened: SafetensorsFile;
}

/**
 * Opens a safetensors file and validates its header.
 * @throws {DataError} naming the file and what is wrong with it
 */
export async function openWithData(file: string): Promise<FileWithData> {
  const input = await InputFile.open(file, 'a safetensors file');
  try {
    const first = await input.read(0, Math.min(input.size, lengthBytes));
    const dataStart = lengthBytes + parseHeaderLength(first, input.size, file);
    const header = parseHeader(await input.read(lengthBytes, dataStart), input.size - dataStart, file);
    const readBytes = ({ begin, end }: SafetensorsEntry): Promise<Uint8Array<ArrayBuffer>> =>
      input.read(dataStart + begin, dataStart + end);
    const opened: SafetensorsFile = {
      file,
      ...header,
      readBytes,
      read: async (entry) => ({
        shape: entry.shape,
        data: toHostData(await readBytes(entry), entry.dtype, entry.name, file),
      }),
      close: () => input.close(),
    };
    return { input, dataStart, opened };
  } catch (error) {
    await input.close();
    throw error;
  }
}
