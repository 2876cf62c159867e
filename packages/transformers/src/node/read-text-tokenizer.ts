import { readJsonObject } from '@vitvq/checkpoint';
import { textTokenizerFromJson, type TextTokenizer } from '../conditioners/text-tokenizer.js';

/** Largest `tokenizer.json`; the largest published ones have 35 MB. */
const limits = { maximumBytes: 64 * 2 ** 20, maximumDepth: 64 };

/**
 * Reads a `tokenizer.json` of at most 64 MiB as {@link textTokenizerFromJson} does.
 * @throws {DataError} when the file cannot be read or is no `tokenizer.json`, and for what is
 *   beyond the bounds
 */
export async function readTextTokenizer(file: string): Promise<TextTokenizer> {
  const { value } = await readJsonObject(file, 'a tokenizer.json', limits);
  return textTokenizerFromJson(value, file);
}
