import { readFile } from 'node:fs/promises';
import { DataError } from '@vitvq/core';
import { textTokenizerFromJson, type TextTokenizer } from '../conditioners/text-tokenizer.js';

/**
 * Reads a `tokenizer.json` as {@link textTokenizerFromJson} does.
 * @throws {DataError} when the file cannot be read or is no `tokenizer.json`
 */
export async function readTextTokenizer(file: string): Promise<TextTokenizer> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new DataError({ where: file, expected: 'a tokenizer.json', got: (error as Error).message }, { cause: error });
  }
  return textTokenizerFromJson(content, file);
}
