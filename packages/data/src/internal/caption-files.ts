import { extname } from 'node:path';
import { DataError } from '@vitvq/core';
import { readText } from '@vitvq/files';
import type { Caption } from '../image-dataset.js';

/** Texts of more bytes are no captions. */
const MAXIMUM_CAPTION_BYTES = 2 ** 16;

/** Ending of the files with captions. */
export const TEXT_EXTENSION = '.txt';

/** Returns the path of the text that belongs to an image: `x.txt` beside `x.jpg`. */
function captionFile(image: string): string {
  return `${image.slice(0, image.length - extname(image).length)}${TEXT_EXTENSION}`;
}

/** Reads the caption beside an image. Returns it, or why there is none. */
export async function readCaption(image: string): Promise<{ caption: Caption } | { reason: string }> {
  try {
    const caption = captionOf(await readText(captionFile(image), 'a caption', MAXIMUM_CAPTION_BYTES));
    return caption === undefined ? { reason: 'its caption is empty' } : { caption };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return { reason: `its caption cannot be read: ${error.got}` };
  }
}

/**
 * Returns the captions of a text, one a line; a single one as a text of its own. Undefined for a
 * text without any.
 */
export function captionOf(text: string): Caption | undefined {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return lines.length > 1 ? lines : lines[0];
}
