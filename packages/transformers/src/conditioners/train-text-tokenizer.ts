import { ConfigError, assertInteger, checkOptions, type OptionTable } from '@vitvq/core';

/** Options of {@link trainTextTokenizer}. */
export interface TrainTextTokenizerOptions {
  /**
   * Largest number of tokens, at least 256 for the bytes; fewer come of texts with little in
   * common.
   */
  readonly vocabSize: number;
}

const trainTextTokenizerOptionNames: OptionTable<TrainTextTokenizerOptions> = {
  vocabSize: 'required',
};

/** The part of a `tokenizer.json` that a byte-level BPE needs; JSON holds it. */
export interface TextTokenizerJson {
  readonly version: '1.0';
  readonly added_tokens: readonly never[];
  readonly normalizer: { readonly type: 'Lowercase' };
  readonly pre_tokenizer: { readonly type: 'ByteLevel'; readonly add_prefix_space: true; readonly use_regex: true };
  readonly post_processor: null;
  readonly decoder: { readonly type: 'ByteLevel' };
  readonly model: {
    readonly type: 'BPE';
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly string[];
  };
}

/** A word in parts, and how often it occurs. */
interface Word {
  parts: string[];
  readonly count: number;
}

/**
 * Trains a small vocabulary on texts with byte-level byte-pair encoding (Sennrich et al. 2016,
 * arXiv:1508.07909). Merges the most frequent pair first; among equals, the first in code-unit
 * order. Lower and upper case are the same. The vocabulary starts with the 256 bytes, so that every
 * text has tokens. A published vocabulary of 50,000 tokens would be most of a small model.
 * @returns the content of a `tokenizer.json` for `textTokenizerFromJson`
 * @throws {ConfigError} without texts, or for a vocabulary of less than 256 tokens
 */
export function trainTextTokenizer(texts: readonly string[], options: TrainTextTokenizerOptions): TextTokenizerJson {
  const { vocabSize } = checkOptions(options, trainTextTokenizerOptionNames, 'trainTextTokenizer');
  assertInteger(vocabSize, 'vocabSize', 'trainTextTokenizer', byteSymbols.length);
  if (texts.length === 0) {
    throw new ConfigError({ where: 'trainTextTokenizer', expected: 'at least one text', got: 'none' });
  }
  const words = wordsOf(texts);
  const vocabulary = [...byteSymbols];
  const merges: string[] = [];
  while (vocabulary.length < vocabSize) {
    const pair = mostFrequentPair(words);
    if (!pair) break;
    const [left, right] = pair;
    for (const word of words) word.parts = merged(word.parts, left, right);
    merges.push(`${left} ${right}`);
    // Two pairs may make the same token.
    if (!vocabulary.includes(left + right)) vocabulary.push(left + right);
  }
  return {
    version: '1.0',
    added_tokens: [],
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab: Object.fromEntries(vocabulary.map((token, index) => [token, index])), merges },
  };
}

/**
 * Printable characters that stand for the 256 bytes (GPT-2's table): a byte that is printable
 * stands for itself.
 */
const byteSymbols: readonly string[] = (() => {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let others = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : 0x100 + others++));
})();

/** How ByteLevel cuts a text (GPT-2). */
const wordPattern = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

function wordsOf(texts: readonly string[]): Word[] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    const lower = text.toLowerCase();
    for (const [word] of (lower.startsWith(' ') ? lower : ` ${lower}`).matchAll(wordPattern)) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  const encoder = new TextEncoder();
  return [...counts].map(([word, count]) => ({
    parts: Array.from(encoder.encode(word), (byte) => byteSymbols[byte]!),
    count,
  }));
}

function mostFrequentPair(words: readonly Word[]): readonly [string, string] | undefined {
  const counts = new Map<string, number>();
  for (const { parts, count } of words) {
    for (let at = 0; at + 1 < parts.length; at++) {
      const pair = `${parts[at]!} ${parts[at + 1]!}`;
      counts.set(pair, (counts.get(pair) ?? 0) + count);
    }
  }
  let best: readonly [string, number] | undefined;
  for (const [pair, count] of counts) {
    if (!best || count > best[1] || (count === best[1] && pair < best[0])) best = [pair, count];
  }
  // A space never is a symbol: the byte stands as Ġ.
  return best && (best[0].split(' ') as [string, string]);
}

function merged(parts: readonly string[], left: string, right: string): string[] {
  const result: string[] = [];
  for (let at = 0; at < parts.length; at++) {
    const joins = parts[at] === left && parts[at + 1] === right;
    result.push(joins ? left + right : parts[at]!);
    if (joins) at++;
  }
  return result;
}
