import { join } from 'node:path';
import { createFolder, writeWhole } from '@vitvq/files';
import { encode } from 'fast-png';
import type { Picture } from '../picture.js';

/** Folder, in that of a training, with the pictures of its last preview. */
const PREVIEW_FOLDER = 'preview';

/** Writes the pictures of a preview in place of those before. @throws {DataError} */
export async function writePreviewFiles(directory: string, pictures: readonly Picture[]): Promise<void> {
  const folder = join(directory, PREVIEW_FOLDER);
  await createFolder(folder);
  for (const { name, width, height, data } of pictures) {
    const file = join(folder, `${name.replace(/[^\w-]+/g, '-')}.png`);
    await writeWhole(file, encode({ width, height, data, channels: 3, depth: 8 }));
  }
}
