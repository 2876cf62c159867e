import { describe, expect, it } from 'vitest';
import { foldIn, randomKey } from '@vitvq/core';
import { CIFAR10_CLASSES } from '@vitvq/data';
import { textTokenizerFromJson, trainTextTokenizer } from '@vitvq/transformers';
import { ATTRIBUTES, type Attributes } from '../src/attributes.js';
import { asCaption, caption, captionOf, CAPTION_WORDS, NOUNS, promptProblems } from '../src/captions.js';
import { SHOWN_PROMPTS, TEXT_LENGTH, TEXT_VOCABULARY } from '../src/config.js';

const blueTop: Attributes = { brightness: 'dark', color: 'blue', side: 'top' };
const captions = (className: string, attributes: Attributes, count = 400): string[] =>
  Array.from({ length: count }, (_, index) => captionOf(className, attributes, foldIn(randomKey(0), index)));

describe('caption', () => {
  it('reads like a sentence', () => {
    expect(caption({ noun: 'ship' })).toBe('a photo of a ship');
    expect(caption({ noun: 'airplane', picture: 'image' })).toBe('an image of an airplane');
    expect(caption({ noun: 'ship', ...blueTop })).toBe('a dark mostly blue photo of a ship with a brighter top');
    expect(caption({ side: 'left side' })).toBe('a photo with a brighter left side');
  });
});

describe('captionOf', () => {
  it('is a function of the key, and says different things', () => {
    expect(captions('ship', blueTop)).toEqual(captions('ship', blueTop));
    const all = new Set(captions('ship', blueTop));
    expect(all).toContain('a dark mostly blue photo of a ship with a brighter top');
    for (const part of ['boat', 'ship', 'photo', 'picture', 'image']) {
      expect([...all].some((text) => text.includes(part))).toBe(true);
    }
    for (const part of [/ship|boat/, /dark/, /mostly/, /brighter/]) {
      expect([...all].some((text) => !part.test(text))).toBe(true);
    }
  });

  it('says nothing that is not true', () => {
    for (const text of captions('ship', { brightness: 'bright' })) {
      expect(text).not.toMatch(/dark|mostly|brighter/);
      expect(text).not.toMatch(new RegExp(`\\b(${Object.values(NOUNS).flat().join('|')})\\b(?<!ship|boat)`));
    }
    expect(captions('ship', {}).every((text) => !text.includes('bright'))).toBe(true);
  });

  it('has words that the tokenizer makes one token each, few enough for the model', () => {
    const all = CIFAR10_CLASSES.flatMap((name) =>
      ATTRIBUTES.color.flatMap((color, index) =>
        captions(name, { color, brightness: ATTRIBUTES.brightness[index % 2]!, side: ATTRIBUTES.side[index % 4]! }, 40),
      ),
    );
    const words = new Set(all.flatMap((text) => text.split(' ')));
    expect([...words].sort()).toEqual([...CAPTION_WORDS].sort());
    const tokenizer = textTokenizerFromJson(trainTextTokenizer(all, { vocabSize: TEXT_VOCABULARY }));
    for (const word of words) expect(tokenizer.encode(word), word).toHaveLength(1);
    for (const text of all) expect(tokenizer.encode(text).length).toBeLessThanOrEqual(TEXT_LENGTH);
  });
});

describe('prompts', () => {
  it('are written as captions are', () => {
    expect(asCaption('  A dark,   mostly blue photo of a Ship. ')).toBe('a dark mostly blue photo of a ship');
    expect(promptProblems('A dark, mostly blue photo of a Ship.')).toEqual([]);
    for (const parts of SHOWN_PROMPTS) expect(promptProblems(caption(parts))).toEqual([]);
  });

  it('that are empty, or of unknown words, are refused', () => {
    expect(promptProblems(' . ')).toEqual(['--prompt " . " says nothing']);
    const [problem, ...others] = promptProblems('a dark photo of a zebra on Mars, zebra');
    expect(others).toEqual([]);
    expect(problem).toContain('"zebra", "on", "mars". Its words are a, airplane,');
    const many = new Set(Array.from({ length: 100 }, (_, index) => `word${index}`));
    expect(promptProblems('word7 word99', many)).toEqual([]);
    const [ofMany] = promptProblems('word7 zebra', many);
    expect(ofMany).toContain('"zebra". The most frequent of its 100 words are word0, word1, word10,');
    expect(ofMany).not.toContain('word60');
  });
});
