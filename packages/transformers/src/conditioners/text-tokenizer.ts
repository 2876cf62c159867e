import * as huggingFace from '@huggingface/tokenizers';
import { DataError } from '@vitvq/core';
import { assertTokenizerBounds, makePatternsLinear, type TokenizerStep } from '../internal/tokenizer-bounds.js';

/**
 * What we use of the package, whose own types name files without extensions and cannot be resolved
 * by Node's rules.
 */
interface PublishedTokenizer {
  readonly normalizer: TokenizerStep | null;
  readonly pre_tokenizer: TokenizerStep | null;
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
  /**
   * The content of its `tokenizer.json`, which a model folder keeps; without, the folder is not
   * complete on its own.
   */
  readonly json?: unknown;
}

/**
 * A tokenizer from the content of a `tokenizer.json`, the format that most published text models
 * come with (CLIP, GPT-2, T5) and that `trainTextTokenizer` makes. Runs in this process; nothing is
 * downloaded. Tokens that mark begin and end of a text are left out.
 *
 * The content may come from anywhere. It has at most 1,000,000 tokens of 1,024 characters (2^23
 * together, 2^21 where they are kept as a tree), ids below twice the number of tokens and 1,024,
 * and 64 normalizers and pre-tokenizers, by which a text becomes at most 64 times longer. Regular
 * expressions are matched in linear time, and one that looks at more than one character ahead or
 * behind, or back at a group, is refused.
 * @param where  what to call the content in errors
 * @throws {DataError}
 */
export function textTokenizerFromJson(content: unknown, where = 'textTokenizerFromJson'): TextTokenizer {
  const refuse = (expected: string, got: string): never => {
    throw new DataError({ where, expected, got });
  };
  assertTokenizerBounds(content, refuse);
  try {
    // The second argument is `tokenizer_config.json`, which says nothing about texts without marks.
    const tokenizer = new Tokenizer(withoutUnused(content), {});
    makePatternsLinear([tokenizer.normalizer, tokenizer.pre_tokenizer], refuse);
    const vocabSize = [...tokenizer.get_vocab(true).values()].reduce((size, token) => Math.max(size, token + 1), 0);
    return { vocabSize, encode: (text) => tokenizer.encode(text, { add_special_tokens: false }).ids, json: content };
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      { where, expected: 'the content of a tokenizer.json', got: error instanceof Error ? error.message : 'none' },
      { cause: error },
    );
  }
}

/**
 * Leaves out what makes texts of tokens and marks their ends, neither of which happens here: what
 * is not there cannot be hostile.
 */
function withoutUnused(content: unknown): unknown {
  if (typeof content !== 'object' || content === null) return content;
  const unused = ['decoder', 'post_processor'].filter((name) => name in content);
  return { ...content, ...Object.fromEntries(unused.map((name) => [name, null])) };
}
