import { ConfigError } from '@vitvq/core';

/** Text to tokens without marks, such as a tokenizer of @vitvq/transformers. */
export interface TextEncoder {
  encode(text: string): readonly number[];
}

/** What CLIP writes around a text. */
const marks = { start: '<|startoftext|>', end: '<|endoftext|>' } as const;

/**
 * Returns int32 `[count, length]` tokens of texts as CLIP reads them (Radford et al. 2021, section
 * 2.4): the start mark, the text, the end mark, and the end mark again as padding, of which CLIP
 * sees the first. Texts that are too long are cut off before the end mark.
 * @throws {ConfigError} for a tokenizer without CLIP's marks
 */
export function markedTokens(encoder: TextEncoder, texts: readonly string[], length: number): Int32Array {
  const [start, end] = [marks.start, marks.end].map((mark) => {
    const [token, ...more] = encoder.encode(mark);
    if (token !== undefined && more.length === 0) return token;
    throw new ConfigError({
      where: 'the text tokenizer of CLIP',
      expected: `a token ${mark}`,
      got: `${more.length + Number(token !== undefined)} tokens for it`,
      fix: "Take the tokenizer.json that was published with the network's weights.",
    });
  }) as [number, number];
  const tokens = new Int32Array(texts.length * length).fill(end);
  texts.forEach((text, row) => {
    tokens.set([start, ...encoder.encode(text).slice(0, length - 2)], row * length);
  });
  return tokens;
}
