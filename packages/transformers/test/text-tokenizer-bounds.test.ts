import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from '@vitvq/test-utils/node';
import { DataError } from '@vitvq/core';
import { describe, expect } from 'vitest';
import { textTokenizerFromJson, trainTextTokenizer } from '../src/index.js';
import { readTextTokenizer } from '../src/node/index.js';

type Content = Record<string, unknown>;

const words = { '<unk>': 0, a: 1, b: 2, aa: 3, '▁a': 4 };
const wordPiece: Content = {
  version: '1.0',
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'WhitespaceSplit' },
  post_processor: null,
  decoder: null,
  model: { type: 'WordPiece', unk_token: '<unk>', continuing_subword_prefix: '', vocab: words },
};
const split = (source: string): Content => ({ type: 'Split', pattern: { Regex: source }, behavior: 'Isolated' });
const many = (count: number, step: Content): Content => ({
  type: 'Sequence',
  normalizers: Array.from({ length: count }, () => step),
  pretokenizers: Array.from({ length: count }, () => step),
});
const doubled = { type: 'Replace', pattern: { String: 'a' }, content: 'aa' };

describe('a tokenizer.json from anywhere', () => {
  it.each<[string, Content, RegExp]>([
    [
      'an id of 1e9',
      { model: { ...(wordPiece.model as Content), vocab: { ...words, c: 1e9 } } },
      /ids below 1036 for 6 tokens, got 1000000000 of "c"/,
    ],
    ['a negative id', { model: { ...(wordPiece.model as Content), vocab: { a: -1 } } }, /ids below/],
    ['an id that is no number', { model: { ...(wordPiece.model as Content), vocab: { a: '1' } } }, /ids below/],
    ['an added token of 1e9', { added_tokens: [{ id: 1e9, content: '<s>' }] }, /ids below .* got 1000000000 of "<s>"/],
    ['an added token without text', { added_tokens: [{ id: 1 }] }, /tokens that are texts/],
    [
      'an endless token',
      { added_tokens: [{ id: 1, content: 'x'.repeat(1025) }] },
      /at most 1024 characters, got one of 1025/,
    ],
    [
      'a tree of characters without end',
      {
        model: {
          type: 'Unigram',
          unk_id: 0,
          vocab: Array.from({ length: 2100 }, (_, index) => [`${index}`.padEnd(1024, 'x'), 0]),
        },
      },
      /tokens of 2097152 characters together in a tree/,
    ],
    [
      'an unknown token beyond the others',
      { model: { type: 'Unigram', unk_id: 1e9, vocab: [['a', 0]] } },
      /unk_id to be one of 1/,
    ],
    [
      'words without end',
      { model: { ...(wordPiece.model as Content), max_input_chars_per_word: 1e9 } },
      /max_input_chars_per_word/,
    ],
    ['pieces of no length', { pre_tokenizer: { type: 'FixedLength', length: 0 } }, /a length of at least 1, got 0/],
    ['a text that doubles 40 times', { normalizer: many(40, doubled) }, /at most 64 times longer, got 1099511627776/],
    [
      'bytes of bytes of bytes',
      { pre_tokenizer: many(40, { type: 'ByteLevel', use_regex: false }) },
      /at most 64 times longer/,
    ],
    [
      'something between all characters, again and again',
      { normalizer: many(10, { type: 'Replace', pattern: { Regex: 'b*' }, content: 'a' }) },
      /at most 64 times longer, got 1024/,
    ],
    ['a thousand steps', { normalizer: many(1000, { type: 'NFC' }) }, /at most 64 normalizers/],
    ['a pattern without end', { pre_tokenizer: split('a'.repeat(2000)) }, /Regex of at most 1024 characters/],
    [
      'a pattern of too many parts',
      { pre_tokenizer: split('(a{1000}){1000}') },
      /linear time, got the pattern .* too many parts/,
    ],
    ['a pattern that refers back', { pre_tokenizer: split('(a+)\\1') }, /linear time/],
  ])('is refused for %s', (_, change, message) => {
    expect(() => textTokenizerFromJson({ ...wordPiece, ...change }, 'x.json')).toThrow(DataError);
    expect(() => textTokenizerFromJson({ ...wordPiece, ...change }, 'x.json')).toThrow(message);
  });

  it('answers at once where its pattern asks for 2^3000 steps', () => {
    for (const source of ['(a+)+$', '(a|a)*b', '(a*)*b']) {
      const tokenizer = textTokenizerFromJson({ ...wordPiece, pre_tokenizer: split(source) });
      expect(tokenizer.encode(`${'a'.repeat(99)}!`).length).toBeGreaterThan(0);
      expect(() => tokenizer.encode(`${'a'.repeat(3000)}!`)).not.toThrow();
    }
    const replaced = { type: 'Replace', pattern: { Regex: '(a+)+b' }, content: '' };
    expect(textTokenizerFromJson({ ...wordPiece, normalizer: replaced }).encode('aaab a')).toEqual([1]);
  });

  it('is read as before where it is like the published ones', () => {
    const gpt = trainTextTokenizer(['a red car', 'a red truck'], { vocabSize: 270 });
    const byRegex = {
      ...gpt,
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          split("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"),
          { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
        ],
      },
    };
    const [one, other] = [textTokenizerFromJson(gpt), textTokenizerFromJson(byRegex)];
    for (const text of [" it's  a red\n\n car, 42 times", ' ', '', ' 漢字 🙂'])
      expect(other.encode(text)).toEqual(one.encode(text));
    expect(other.vocabSize).toBe(one.vocabSize);
    expect(other.json).toBe(byRegex);
    const clip = {
      ...wordPiece,
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'NFC' },
          { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
          { type: 'Lowercase' },
        ],
      },
      post_processor: { type: 'RobertaProcessing', sep: ['<unk>', 0], cls: ['<unk>', 0] },
    };
    expect(textTokenizerFromJson(clip).encode('A   b')).toEqual([1, 2]);
    // Ids may leave some out, as those of added tokens do.
    const gaps = { ...wordPiece, added_tokens: [{ id: 1000, content: '<s>', special: true }] };
    expect(textTokenizerFromJson(gaps)).toMatchObject({ vocabSize: 1001 });
  });

  it('is refused by its size before it is read', async ({ temporaryFolder }) => {
    const file = join(temporaryFolder, 'tokenizer.json');
    await writeFile(file, '{}');
    const { truncate } = await import('node:fs/promises');
    await truncate(file, 2 ** 40);
    await expect(readTextTokenizer(file)).rejects.toThrow(
      /a tokenizer\.json of at most 67108864 bytes, got 1099511627776/,
    );
  });
});
