import { describe, expect, it } from 'vitest';
import { foldIn, randomInts, randomKey } from '@vitvq/core';
import { LinearPattern } from '../src/internal/linear-pattern.js';

/** Patterns of published tokenizers, as the package that reads them gives them to JavaScript. */
const published: [string, string][] = [
  ['GPT-2', "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"],
  ['CLIP', "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"],
  [
    'GPT-4 and Llama 3',
    "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ],
  [
    'GPT-4o',
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?:'s|'t)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?:'s|'t)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ],
  ['white space', '\\s+'],
  ['spaces', ' {2,}'],
  ['words', '(?:(?<![\\p{L}])(?=[\\p{L}])|(?<=[\\p{L}])(?![\\p{L}]))'],
  ['lazy and nested', '(?:a+?b?){2,3}|(?:[ab]*?c)*'],
  ['a union of classes', '(?:(?=(?:[^a]|[ab]))[\\s\\S])b'],
];
const letters = [
  'a',
  'b',
  'c',
  'A',
  "'s",
  "'T",
  ' ',
  '  ',
  '\n',
  '\r\n',
  '\t',
  '1',
  '22',
  '.',
  '!?',
  'ß',
  'é',
  '漢',
  '🙂',
  'e\u0301',
];

/** Texts of 0 to 39 of these, others for every number. */
const texts = Array.from({ length: 60 }, (_, seed) =>
  Array.from(randomInts(foldIn(randomKey(7), seed), seed % 40, letters.length), (at) => letters[at]).join(''),
);

describe.each(published)('the pattern of %s', (_, source) => {
  const native = new RegExp(source, 'gu');
  const linear = new LinearPattern(source, 'gu');

  it('finds what JavaScript finds', () => {
    for (const text of texts) {
      expect(text.match(linear)).toEqual(text.match(native));
      expect([...text.matchAll(linear)].map(({ index }) => index)).toEqual(
        [...text.matchAll(native)].map(({ index }) => index),
      );
      expect(text.replaceAll(linear, '_')).toBe(text.replaceAll(native, '_'));
      expect(text.split(linear)).toEqual(text.split(native));
    }
  });
});

it('takes linear time where trying one way after the other takes 2^30 steps', () => {
  const text = `${'a'.repeat(3000)}!`;
  for (const source of ['(a+)+$(?![\\s\\S])', '(?:a+)+(?![\\s\\S])', '(?:a|a)*b', '(?:a?){30}a{30}b', '(?:[^b]*)*b']) {
    if (source.includes('$')) expect(() => new LinearPattern(source, 'gu')).toThrow(SyntaxError);
    else expect(text.match(new LinearPattern(source, 'gu'))).toBeNull();
  }
});

it.each([
  ['a group that is referred to', '(a)\\1', 'is not known'],
  ['a look at several characters', 'a(?=bc)', 'a look at more than one character'],
  ['a look back at several characters', '(?<=a*)b', 'a look at more than one character'],
  ['repetitions without end', '(?:(?:a{1000}){1000}){1000}', 'too many parts'],
  ['repetitions of nothing', '(?:(?:(?:){1000}){1000}){1000}', 'too many parts'],
])('refuses %s', (_, source, message) => {
  expect(() => new LinearPattern(source, 'gu')).toThrow(message);
});

it.each([
  ['', true],
  ['a*', true],
  ['(?=a)', true],
  ['a|(?:b?){3}', true],
  ['a+', false],
  ['(?:a|b*c)(?!d)', false],
])('says whether %j can be empty', (source, expected) => {
  expect(new LinearPattern(source, 'gu').canBeEmpty).toBe(expected);
});
