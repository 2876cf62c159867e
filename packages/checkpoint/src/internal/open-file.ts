import { InputFile } from '@vitvq/files';
import { openSource, type OpenedSource } from './open-source.js';

/** An open safetensors file with its bytes. */
export interface FileWithData extends OpenedSource {
  readonly input: InputFile;
}

/** Opens a safetensors file and validates its header. @throws {DataError} naming the file */
export async function openWithData(file: string): Promise<FileWithData> {
  const input = await InputFile.open(file, 'a safetensors file');
  return { input, ...(await openSource(input)) };
}
