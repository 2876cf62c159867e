import * as huggingFace from '@huggingface/tokenizers';
import { DataError } from '@vitvq/core';

/** What we use of the package, whose own types name files without extensions and cannot be resolved by Node's rules. */
interface PublishedTokenizer {
  get_vocab(withAddedTokens: boolean): Map<string, number>;
  encode(text: string, options: { add_special_tokens: boolean }): { readonly ids: readonly number[] };
}

const { Tokenizer } = huggingFace as unknown as {
  readonly Tokenizer: new (content: unknown, configuration: object) => PublishedTokenizer;
};

/** Text to tokens; what `TextConditioner` needs of a tokenizer. */
export interface TextTokenizer {
  /** Tokens are in `[0, vocabSize)`. */
  readonly vocabSize: number;
  encode(text: string): readonly number[];
  /** The content of its `tokenizer.json`, which a model folder keeps; without, the folder is not complete on its own. */
  readonly json?: unknown;
}

/**
 * A tokenizer from the content of a `tokenizer.json`, the format that most published text models come with (CLIP, GPT-2, T5) and
 * that `trainTextTokenizer` makes. Runs in this process; nothing is downloaded. Tokens that mark begin and end of a text are
 * left out.
 * @param where  what to call the content in errors
 * @throws {DataError}
 */
export function textTokenizerFromJson(content: unknown, where = 'textTokenizerFromJson'): TextTokenizer {
  try {
    // The second argument is `tokenizer_config.json`, which says nothing about texts without marks.
    const tokenizer = new Tokenizer(content, {});
    const vocabSize = [...tokenizer.get_vocab(true).values()].reduce((size, token) => Math.max(size, token + 1), 0);
    return { vocabSize, encode: (text) => tokenizer.encode(text, { add_special_tokens: false }).ids, json: content };
  } catch (error) {
    throw new DataError(
      { where, expected: 'the content of a tokenizer.json', got: error instanceof Error ? error.message : 'none' },
      { cause: error },
    );
  }
}
