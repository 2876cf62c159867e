import { ConfigError } from '@vitvq/core';
import { TextConditioner, textTokenizerFromJson, trainTextTokenizer, type TextTokenizer } from '@vitvq/transformers';
import { CAPTION_WORDS } from './captions.js';
import { OWN_TEXT, TEXT_LENGTH, TEXT_VOCABULARY } from './config.js';
import type { Captioned, Data } from './data.js';

/** Texts as conditions: of prompts, and of images, by one tokenizer. */
export interface Text {
  readonly tokenizer: TextTokenizer;
  /** Tokens of a text before an image; the model gets no more of it. */
  readonly length: number;
  /** Words of the captions, the most frequent one first where they are one's own. */
  readonly words: ReadonlySet<string>;
  /** Number of training captions that have more tokens than the model gets. */
  readonly cut: number;
  /** For texts that are given. */
  readonly conditioner: TextConditioner;
  /** With each image its own caption. */
  conditionerOf(captioned: Captioned): TextConditioner;
}

/**
 * A tokenizer of the training captions: every word of theirs becomes a token (byte-pair encoding),
 * the most frequent ones where they are one's own and the words are many.
 */
export function trainText({ train, directory }: Pick<Data, 'train' | 'directory'>): Text {
  const isOwn = directory !== undefined;
  const vocabSize = isOwn ? OWN_TEXT.vocabulary : TEXT_VOCABULARY;
  const tokenizer = textTokenizerFromJson(trainTextTokenizer(train.captions, { vocabSize }));
  const lengths = train.captions.map((caption) => tokenizer.encode(caption).length);
  const longest = lengths.reduce((most, length) => Math.max(most, length), 1);
  const length = isOwn ? Math.min(OWN_TEXT.mostTokens, longest) : TEXT_LENGTH;
  const options = { tokenizer, length };
  return {
    tokenizer,
    length,
    words: isOwn ? wordsOf(train.captions) : CAPTION_WORDS,
    cut: lengths.filter((each) => each > length).length,
    conditioner: new TextConditioner(options),
    conditionerOf: ({ captions }) => new TextConditioner({ ...options, textOf: ({ index }) => captions[index!]! }),
  };
}

/** Words of texts, the most frequent one first. */
function wordsOf(texts: readonly string[]): ReadonlySet<string> {
  const counts = new Map<string, number>();
  for (const word of texts.flatMap((text) => text.split(' '))) counts.set(word, (counts.get(word) ?? 0) + 1);
  return new Set([...counts].sort(([, a], [, b]) => b - a).map(([word]) => word));
}

/** @throws {ConfigError} for a text that the model would only get the beginning of */
export function assertFits(texts: readonly string[], { tokenizer, length }: Pick<Text, 'tokenizer' | 'length'>): void {
  for (const text of texts) {
    const tokens = tokenizer.encode(text).length;
    if (tokens <= length) continue;
    throw new ConfigError({
      where: `--prompt "${text}"`,
      expected: `at most ${length} tokens of text`,
      got: String(tokens),
      fix: 'Say it shorter, as captions do: "a dark mostly blue photo of a ship with a brighter top" is one of CIFAR-10.',
    });
  }
}
