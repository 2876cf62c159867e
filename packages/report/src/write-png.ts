import type { RgbImage } from '@vitvq/core';
import { writeWhole } from '@vitvq/files';
import { encodePng } from './encode-png.js';

/**
 * Writes an image as a PNG file into an existing folder.
 * @throws {ShapeError} when the values do not fill the image
 * @throws {DataError} when the file cannot be written
 */
export async function writePng(file: string, image: RgbImage): Promise<void> {
  await writeWhole(file, encodePng(image));
}
