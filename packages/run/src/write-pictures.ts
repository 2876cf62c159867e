import { join } from 'node:path';
import { toRgbImages, type HostImages } from '@vitvq/core';
import { createFolder } from '@vitvq/files';
import { writePng } from '@vitvq/report';

/**
 * Writes each image as a PNG file.
 * @param names  name of each file, without its end
 */
export async function writePictures(folder: string, images: HostImages, names: readonly string[]): Promise<string[]> {
  await createFolder(folder);
  const files: string[] = [];
  for (const [index, image] of toRgbImages(images).entries()) {
    const file = join(folder, `${names[index]!}.png`);
    await writePng(file, image);
    files.push(file);
  }
  return files;
}
