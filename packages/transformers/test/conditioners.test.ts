import '@tensorflow/tfjs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, DataError } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { tinyImageBatches } from '@vitvq/test-models';
import {
  ClassConditioner,
  conditionTensor,
  nullConditions,
  TextConditioner,
  textTokenizerFromJson,
  trainTextTokenizer,
  Unconditional,
  type Conditioner,
} from '../src/index.js';
import { readTextTokenizer } from '../src/node/index.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

const texts = ['A red car', 'a red truck', 'a blue car on a red road', 'ein grünes Auto'];

describe.each([
  ['Unconditional', () => new Unconditional()],
  ['ClassConditioner', () => new ClassConditioner({ classCount: 3 })],
  [
    'TextConditioner',
    () => {
      const tokenizer = textTokenizerFromJson(trainTextTokenizer(texts, { vocabSize: 270 }));
      return new TextConditioner({ tokenizer, length: 5, textOf: ({ label }) => texts[label!]! });
    },
  ],
] as [string, () => Conditioner][])('%s', (_, create) => {
  it('gives tokens of its vocabulary, none of them null, for images that are not padding', async () => {
    const conditioner = create();
    const batch = await tinyImageBatches(2).next();
    const tokens = await conditioner.ofBatch(batch);
    expect(tokens).toHaveLength(2 * conditioner.length);
    expect(Math.min(...tokens)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...tokens)).toBeLessThan(conditioner.vocabSize);
    expect(conditioner.nullTokens).toHaveLength(conditioner.length);
    expect(Math.max(...conditioner.nullTokens)).toBeLessThan(conditioner.vocabSize);
    if (conditioner.vocabSize > 1) expect([...tokens]).not.toContain(conditioner.nullTokens[0]);
    expect(JSON.parse(JSON.stringify(conditioner.description))).toEqual(conditioner.description);
    const tensors = [conditionTensor(conditioner, tokens), nullConditions(conditioner, 2)];
    for (const tensor of tensors) expect(tensor.shape).toEqual([2, conditioner.length]);
    expect([...tensors[1]!.dataSync()]).toEqual([...conditioner.nullTokens, ...conditioner.nullTokens]);
    for (const tensor of tensors) tensor.dispose();
  });
});

describe('ClassConditioner', () => {
  it('refuses classes that there are not', () => {
    const conditioner = new ClassConditioner({ classCount: 3 });
    expect([...conditioner.encode([0, 2])]).toEqual([0, 2]);
    expect(() => conditioner.encode([0, 3])).toThrow(DataError);
    expect(() => conditioner.encode([-1])).toThrow(/classes to be integers in \[0, 3\), got -1 at \[0\]/);
    expect(() => new ClassConditioner({ classCount: 0 })).toThrow(ConfigError);
  });
});

describe('TextConditioner', () => {
  const tokenizer = textTokenizerFromJson(trainTextTokenizer(texts, { vocabSize: 300 }));

  it('pads short texts, cuts long ones, and keeps case out', () => {
    const conditioner = new TextConditioner({ tokenizer, length: 4, textOf: () => '' });
    const [short, upper] = [conditioner.encode(['a']), conditioner.encode(['A'])];
    expect(short).toEqual(upper);
    expect(short[3]).toBe(tokenizer.vocabSize);
    expect([...conditioner.encode(['a red car on a red road'])]).not.toContain(tokenizer.vocabSize);
    expect(conditioner.encode(texts)).toHaveLength(16);
    expect(conditioner.encode([''])).toEqual(new Int32Array(4).fill(tokenizer.vocabSize));
  });

  it('says of itself which tokenizer it has, whatever the order in its file', () => {
    const content = trainTextTokenizer(texts, { vocabSize: 300 });
    const describe = (json: unknown): unknown =>
      new TextConditioner({ tokenizer: textTokenizerFromJson(json), length: 4 }).description;
    const { model, ...rest } = content;
    expect(describe({ model, ...rest })).toEqual(describe(content));
    const [first, second, ...merges] = model.merges;
    const other = { ...content, model: { ...model, merges: [second!, first!, ...merges] } };
    expect(describe(other)).not.toEqual(describe(content));
    expect(new TextConditioner({ tokenizer: { vocabSize: 3, encode: () => [0] }, length: 4 }).description).toEqual({
      kind: 'text',
      length: 4,
      vocabSize: 3,
      tokenizer: null,
    });
  });

  it('says for which image there is no text', () => {
    const conditioner = new TextConditioner({ tokenizer, length: 4, textOf: ({ label }) => texts[label!]! });
    const batch = { tokens: new Int32Array(6), shape: [1, 6], labels: Int32Array.of(9), indices: Int32Array.of(7) };
    expect(() => conditioner.ofBatch(batch)).toThrow(/a text for image 7 of class 9, got undefined/);
  });
});

describe('trainTextTokenizer', () => {
  it('merges what occurs most often, and has tokens for every text', () => {
    const content = trainTextTokenizer(texts, { vocabSize: 258 });
    // "Ġ" is a space: " r", " a" and "ed" occur more often than anything else.
    expect(content.model.merges).toEqual(['Ġ a', 'Ġ r']);
    const tokenizer = textTokenizerFromJson(content);
    expect(tokenizer.vocabSize).toBe(258);
    const long = tokenizer.encode('a red');
    const trained = textTokenizerFromJson(trainTextTokenizer(texts, { vocabSize: 280 }));
    expect(trained.encode('a red').length).toBeLessThan(long.length);
    for (const text of ['Straße 漢字 🙂', 'tabs\tand\nlines', "it's 42!"]) {
      expect(trained.encode(text).length).toBeGreaterThan(0);
      expect(Math.max(...trained.encode(text))).toBeLessThan(280);
    }
  });

  it('ends when there is nothing left to merge', () => {
    const content = trainTextTokenizer(['ab'], { vocabSize: 500 });
    expect(content.model.merges).toEqual(['a b', 'Ġ ab']);
    expect(() => trainTextTokenizer([], { vocabSize: 300 })).toThrow(/at least one text/);
    expect(() => trainTextTokenizer(['a'], { vocabSize: 255 })).toThrow(/vocabSize/);
  });

  it('can be kept in a file', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'vitvq-text-'));
    const file = join(directory, 'tokenizer.json');
    await writeFile(file, JSON.stringify(trainTextTokenizer(texts, { vocabSize: 280 })));
    expect((await readTextTokenizer(file)).vocabSize).toBe(280);
    await writeFile(file, '{"no": "tokenizer"}');
    await expect(readTextTokenizer(file)).rejects.toThrow(DataError);
    await expect(readTextTokenizer(join(directory, 'none.json'))).rejects.toThrow(/a tokenizer.json/);
    await rm(directory, { recursive: true });
  });
});
