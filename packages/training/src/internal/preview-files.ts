import { join } from 'node:path';
import { createFolder, writeWhole } from '@vitvq/files';
import { encode } from 'fast-png';
import type { Picture } from '../picture.js';

/** Folder, in that of a training, with the pictures of its last preview. */
export const PREVIEW_FOLDER = 'preview';

/** A picture as the bytes of a PNG file. */
export interface EncodedPicture {
  readonly name: string;
  readonly png: Uint8Array;
}

/** Compresses pictures. */
export function encodePictures(pictures: readonly Picture[]): EncodedPicture[] {
  return pictures.map(({ name, width, height, data }) => ({
    name,
    png: encode({ width, height, data, channels: 3, depth: 8 }),
  }));
}

/** Writes the pictures of a preview in place of those before. @throws {DataError} */
export async function writePreviewFiles(directory: string, pictures: readonly EncodedPicture[]): Promise<void> {
  const folder = join(directory, PREVIEW_FOLDER);
  await createFolder(folder);
  for (const { name, png } of pictures) await writeWhole(join(folder, `${name.replace(/[^\w-]+/g, '-')}.png`), png);
}
