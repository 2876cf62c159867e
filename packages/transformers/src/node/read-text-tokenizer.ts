import { readFile } from 'node:fs/promises';
import { DataError } from '@vitvq/core';
import { textTokenizerFromJson, type TextTokenizer } from '../conditioners/text-tokenizer.js';

/** Reads a tokenizer from a `tokenizer.json`; see `textTokenizerFromJson`. @throws {DataError} */
export async function readTextTokenizer(file: string): Promise<TextTokenizer> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new DataError({ where: file, expected: 'a tokenizer.json', got: (error as Error).message }, { cause: error });
  }
  return textTokenizerFromJson(content, file);
}
