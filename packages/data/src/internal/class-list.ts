import { DataError } from '@vitvq/core';
import { readText } from '@vitvq/files';

/** Texts of more bytes are no lists of classes. */
const MAXIMUM_LIST_BYTES = 16 * 2 ** 20;

/** Reads the lines of a text that are not empty, without the space around them. */
export async function readList(file: string, noun: string): Promise<string[]> {
  const text = await readText(file, noun, MAXIMUM_LIST_BYTES);
  const lines = text.split('\n').map((line) => line.trim());
  const list = lines.filter((line) => line !== '');
  if (list.length > 0) return list;
  throw new DataError({ where: file, expected: `${noun}, with one entry a line`, got: 'an empty text' });
}
