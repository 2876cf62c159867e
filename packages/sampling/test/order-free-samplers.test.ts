import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, DataError } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { compilingEngines, expectNoTensorLeak } from '@vitvq/test-utils';
import { bertBlocks, imageTokens, tinyAnyOrder, tinyGPT, tinyMasked, tokensOf } from '@vitvq/test-models';
import type { AnyTokenModel } from '@vitvq/transformers';
import {
  AnyOrderSampler,
  createSampler,
  MaskedSampler,
  Sampler,
  verifySampler,
  type Decoding,
  type PartialTokens,
  type SampleOptions,
} from '../src/index.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

const conditions = tokensOf<tf.Rank.R2>([3, 2], 5, 1);
const guidance = { scale: 2, unconditional: tf.zeros<tf.Rank.R2>([3, 2], 'int32') };
const seeds = [7, 8, 9];

async function tokensFrom(model: AnyTokenModel, options: Partial<SampleOptions> = {}): Promise<number[]> {
  const sampler = createSampler(model);
  try {
    const tokens = await sampler.sample({ conditions, seeds, ...options });
    const values = [...(await tokens.data())];
    tokens.dispose();
    return values;
  } finally {
    sampler.dispose();
  }
}

const decodings: [string, () => AnyTokenModel, Decoding][] = [
  ['masked', () => tinyMasked(), { steps: 1 }],
  ['masked', () => tinyMasked(), { steps: 4 }],
  ['masked', () => tinyMasked(), { steps: 5, choice: 'random' }],
  ['masked', () => tinyMasked({ positions: 'grid' }), { steps: 12, choice: 'halton' }],
  ['masked', () => tinyMasked({ conditionVocabSize: undefined }), { steps: 3, choiceTemperature: 0 }],
  ['masked', () => tinyMasked(bertBlocks), { steps: 4 }],
  ['any-order', () => tinyAnyOrder(), { tokensPerStep: 1 }],
  ['any-order', () => tinyAnyOrder(bertBlocks), { tokensPerStep: 4 }],
  ['any-order', () => tinyAnyOrder({ positions: 'grid' }), { tokensPerStep: 4, order: 'halton' }],
  ['any-order', () => tinyAnyOrder({ conditionVocabSize: undefined }), { tokensPerStep: 5, order: 'random' }],
  ['any-order', () => tinyAnyOrder(), { tokensPerStep: 12, order: 'raster' }],
];

describe('verifySampler', () => {
  it.each(decodings)('proves a %s model with %#', async (_name, create, decoding) => {
    const report = await verifySampler(create(), { decoding, positions: 5 });
    expect(report.passed).toBe(true);
    expect(report.compared.cached).toBeGreaterThanOrEqual(264);
    expect(report.compared.full).toBeGreaterThan(0);
  });

  it('notices a model that sees the tokens of its own step', async () => {
    const cheating = tinyAnyOrder();
    const honest = cheating.orderedLogits.bind(cheating);
    cheating.orderedLogits = (given, tokens, { rank }) => honest(given, tokens, { rank, known: rank });
    expect((await verifySampler(cheating, { decoding: { tokensPerStep: 4 } })).passed).toBe(false);
    expect((await verifySampler(cheating, { decoding: { tokensPerStep: 1 } })).passed).toBe(true);
  });

  it('notices a masked model that reads unknown tokens', async () => {
    const cheating = tinyMasked();
    const honest = cheating.maskedLogits.bind(cheating);
    cheating.maskedLogits = (given, tokens) => honest(given, tokens, tf.onesLike(tokens));
    expect((await verifySampler(cheating)).passed).toBe(false);
  });
});

describe.each<[string, () => AnyTokenModel, Decoding]>([
  ['masked', () => tinyMasked(), { steps: 4 }],
  ['any-order', () => tinyAnyOrder(), { tokensPerStep: 3 }],
])('the sampler of a %s model', (_name, create, decoding) => {
  it('gives an image for its seed and condition, whatever else is in the batch', async () => {
    const model = create();
    const all = await tokensFrom(model, { decoding });
    expect(all.every((token) => token >= 0 && token < 11)).toBe(true);
    const second = tf.slice(conditions, [1, 0], [1, -1]);
    expect(await tokensFrom(model, { decoding, conditions: second, seeds: [8] })).toEqual(all.slice(12, 24));
    expect(await tokensFrom(model, { decoding, seeds: [1, 2, 3] })).not.toEqual(all);
  });

  it('keeps given tokens wherever they stand, and other tokens depend on them', async () => {
    const model = create();
    const values = new Int32Array(36).fill(-1);
    for (const [index, at] of [1, 5, 11, 12, 35].entries()) values[at] = index + 3;
    const given = imageTokens(tf.tensor2d(values, [3, 12], 'int32'));
    const drawn = await tokensFrom(model, { decoding, given });
    values.forEach((token, at) => {
      if (token !== -1) expect(drawn[at]).toBe(token);
    });
    // The token that is known comes last in raster order.
    const others = [0, 1, 2, 3].map(async (token) => {
      const changed = Int32Array.from(values).fill(token, 35);
      return tokensFrom(model, { decoding, given: imageTokens(tf.tensor2d(changed, [3, 12], 'int32')) });
    });
    for (const other of await Promise.all(others)) expect(other.slice(0, 24)).toEqual(drawn.slice(0, 24));
    const rest = new Set((await Promise.all(others)).map((other) => other.slice(24, 35).join(' ')));
    expect(rest.size).toBeGreaterThan(1);
  });

  it('returns given images as they are', async () => {
    const whole = tokensOf<tf.Rank.R2>([3, 12], 11, 5);
    expect(await tokensFrom(create(), { decoding, given: whole })).toEqual([...whole.dataSync()]);
  });

  it('yields what is known after every step', async () => {
    const sampler = createSampler(create());
    const partials: PartialTokens[] = [];
    for await (const partial of sampler.stream({ conditions, seeds, decoding })) partials.push(partial);
    const counts = partials.map(({ count }) => count);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(counts.at(-1)).toBe(12);
    expect(partials).toHaveLength(4);
    for (const [index, { tokens, count }] of partials.entries()) {
      expect(tokens.filter((token) => token === -1)).toHaveLength(3 * (12 - count));
      partials[index + 1]?.tokens.forEach((token, at) => {
        if (tokens[at] !== -1) expect(token).toBe(tokens[at]);
      });
    }
    sampler.dispose();
  });

  it('follows guidance, temperature and filters', async () => {
    const model = create();
    const plain = await tokensFrom(model, { decoding });
    expect(await tokensFrom(model, { decoding, guidance: { ...guidance, scale: 1 } })).toEqual(plain);
    expect(await tokensFrom(model, { decoding, guidance: { ...guidance, scale: 30 } })).not.toEqual(plain);
    const cold = await tokensFrom(model, { decoding, topK: 1 });
    expect(await tokensFrom(model, { decoding, temperature: () => 1e-9, topP: 0.5 })).toEqual(cold);
  });

  it('says where logits are NaN, and works again afterwards', async () => {
    const model = create();
    const sampler = createSampler(model, { weights: 'live' });
    const head = model.namedVariables().get('head.weight')!;
    const weights = head.clone();
    head.assign(tf.fill(head.shape, NaN));
    await expect(sampler.sample({ conditions, seeds, decoding })).rejects.toThrow(DataError);
    head.assign(weights);
    (await sampler.sample({ conditions, seeds, decoding })).dispose();
    sampler.dispose();
  });

  it('handles one request at a time, and leaks no tensors when it is left', async () => {
    const sampler = createSampler(create());
    const first = sampler.stream({ conditions, seeds, decoding });
    await first.next();
    await expect(sampler.sample({ conditions, seeds, decoding })).rejects.toThrow('one request at a time');
    await first.return();
    await expectNoTensorLeak(async () => {
      const stream = sampler.stream({ conditions, seeds, decoding });
      await stream.next();
      await stream.return();
    });
    sampler.dispose();
  });
});

it('createSampler makes the sampler of each kind of model', () => {
  expect(createSampler(tinyGPT())).toBeInstanceOf(Sampler);
  expect(createSampler(tinyMasked())).toBeInstanceOf(MaskedSampler);
  expect(createSampler(tinyAnyOrder())).toBeInstanceOf(AnyOrderSampler);
});

it.each<[string, () => AnyTokenModel, object]>([
  ['no decoding for a model of raster order', () => tinyGPT(), { steps: 3 }],
  ['tokensPerStep', () => tinyMasked(), { tokensPerStep: 2 }],
  ['steps', () => tinyAnyOrder(), { steps: 2 }],
  ['choiceTemperature', () => tinyMasked(), { choice: 'halton', choiceTemperature: 1 }],
  ['at most the 12 positions', () => tinyAnyOrder(), { tokensPerStep: 13 }],
  ['steps', () => tinyMasked(), { steps: 0 }],
])('refuses a decoding: %s', async (message, create, decoding) => {
  await expect(tokensFrom(create(), { decoding: decoding as Decoding })).rejects.toThrow(ConfigError);
  await expect(tokensFrom(create(), { decoding: decoding as Decoding })).rejects.toThrow(message);
});

for (const { name, isHere } of await compilingEngines()) {
  describe.skipIf(!isHere)(`on the engine ${name}`, () => {
    it.each<[string, () => AnyTokenModel, Decoding]>([
      ['masked', () => tinyMasked(), { steps: 4 }],
      ['any-order', () => tinyAnyOrder(), { tokensPerStep: 3 }],
    ])('a %s model is sampled as it is eagerly', async (_name, create, decoding) => {
      const model = create();
      const request = { decoding, guidance, topK: 5, topP: 0.9, temperature: 0.8 };
      await useEngine({ name: 'cpu' });
      const eager = await tokensFrom(model, request);
      await useEngine({ name, threads: 2, onCompile: () => undefined });
      expect(await tokensFrom(model, request)).toEqual(eager);
      expect((await verifySampler(model, { decoding, positions: 3 })).passed).toBe(true);
      await useEngine({ name: 'cpu' });
    });
  });
}
