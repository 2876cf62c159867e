import { ConfigError } from '@vitvq/core';
import { TextConditioner, textTokenizerFromJson, trainTextTokenizer, type TextTokenizer } from '@vitvq/transformers';
import { TEXT_LENGTH, TEXT_VOCABULARY } from './config.js';
import type { Captioned, Data } from './data.js';

/** Texts as conditions: of prompts, and of images, by one tokenizer. */
export interface Text {
  readonly tokenizer: TextTokenizer;
  /** For texts that are given. */
  readonly conditioner: TextConditioner;
  /** With each image its own caption. */
  conditionerOf(captioned: Captioned): TextConditioner;
}

/**
 * A tokenizer of the training captions: every word of theirs becomes a token (byte-pair encoding).
 */
export function trainText({ train }: Data): Text {
  const tokenizer = textTokenizerFromJson(trainTextTokenizer(train.captions, { vocabSize: TEXT_VOCABULARY }));
  const options = { tokenizer, length: TEXT_LENGTH };
  return {
    tokenizer,
    conditioner: new TextConditioner(options),
    conditionerOf: ({ captions }) => new TextConditioner({ ...options, textOf: ({ index }) => captions[index!]! }),
  };
}

/** @throws {ConfigError} for a text that the model would only get the beginning of */
export function assertFits(texts: readonly string[], { tokenizer }: Pick<Text, 'tokenizer'>): void {
  for (const text of texts) {
    const { length } = tokenizer.encode(text);
    if (length <= TEXT_LENGTH) continue;
    throw new ConfigError({
      where: `--prompt "${text}"`,
      expected: `at most ${TEXT_LENGTH} tokens of text`,
      got: String(length),
      fix: 'Captions are like "a dark mostly blue photo of a ship with a brighter top": say it shorter.',
    });
  }
}
