import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, DataError, ShapeError } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { imageTokens, tinyGPT, tinyRQ, brightnessTokenizer } from '@vitvq/test-models';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import type { AutoregressiveModel } from '@vitvq/transformers';
import {
  RejectionSampler,
  Sampler,
  type AcceptedImages,
  type RejectionOptions,
  type RejectionSamplerOptions,
  type Scorer,
} from '../src/index.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

const conditions = tf.tensor2d(
  [
    [0, 1],
    [3, 2],
    [4, 4],
  ],
  [3, 2],
  'int32',
);
const tokenizer = brightnessTokenizer({ codes: 11, size: [3, 4] });

/** Mean brightness. */
const brightness: Scorer = ({ images }) => tf.mean(images!, [1, 2, 3]);

/**
 * A softmax classifier of five classes, brighter by a step each: the probability of the class that
 * an image was drawn for (the first condition token).
 */
const classProbability: Scorer = ({ images, conditions: given }) =>
  tf.tidy(() => {
    const centres = tf.tensor2d([0.35, 0.45, 0.5, 0.55, 0.65], [1, 5]);
    const logits = tf.mul(-400, tf.square(tf.sub(tf.expandDims(tf.mean(images!, [1, 2, 3]), 1), centres)));
    const classes = tf.squeeze<tf.Tensor1D>(tf.slice(given as tf.Tensor2D, [0, 0], [-1, 1]), [1]);
    return tf.sum(tf.mul(tf.softmax(logits), tf.oneHot(classes, 5)), 1);
  });

/** Accepted images as numbers, tokens image by image. */
interface Accepted extends Omit<AcceptedImages, 'tokens'> {
  readonly tokens: number[][];
}

async function accepted(
  options: Partial<RejectionOptions> = {},
  parts: Partial<RejectionSamplerOptions> & { model?: AutoregressiveModel } = {},
): Promise<Accepted> {
  const { model = tinyGPT(), ...others } = parts;
  const sampler = new Sampler(model);
  const rejection = new RejectionSampler({ sampler, scorer: brightness, tokenizer, batchSize: 4, ...others });
  const { tokens, ...rest } = await rejection.sample({ conditions, count: 2, accept: { rate: 0.4 }, ...options });
  const flat = tf.reshape<tf.Rank.R2>(tokens, [tokens.shape[0], tokens.size / Math.max(1, tokens.shape[0])]);
  const values = flat.arraySync();
  tf.dispose([tokens, flat]);
  rejection.dispose();
  sampler.dispose();
  return { ...rest, tokens: values };
}

/**
 * All candidates of a condition with their scores, in one batch, without anything that is tested.
 */
async function candidatesOf(row: number, seeds: readonly number[]) {
  const sampler = new Sampler(tinyGPT());
  const own = tf.tile(tf.slice(conditions, [row, 0], [1, 2]), [seeds.length, 1]);
  const tokens = await sampler.sample({ conditions: own, seeds });
  const scores = (await brightness({ tokens, images: tokenizer.decode(tokens), conditions: own })).dataSync();
  const values = (tokens as tf.Tensor2D).arraySync();
  sampler.dispose();
  return seeds.map((seed, index) => ({ seed, score: scores[index]!, tokens: values[index]! }));
}

describe('with an acceptance rate', () => {
  it('keeps the best share of each condition, best first, and says their seeds', async () => {
    const result = await accepted({ seed: 7 });
    expect([...result.rows]).toEqual([0, 0, 1, 1, 2, 2]);
    expect(result.acceptanceRate).toBe(0.4);
    expect(result.perCondition).toEqual(new Array(3).fill({ accepted: 2, candidates: 5 }));
    for (const row of [0, 1, 2]) {
      const seeds = Array.from({ length: 5 }, (_, index) => 7 + row * 5 + index);
      const best = (await candidatesOf(row, seeds)).sort((a, b) => b.score - a.score).slice(0, 2);
      const kept = [2 * row, 2 * row + 1];
      expect(kept.map((at) => result.seeds[at])).toEqual(best.map(({ seed }) => seed));
      expect(kept.map((at) => result.tokens[at])).toEqual(best.map(({ tokens }) => tokens));
      expect(kept.map((at) => result.scores[at])).toBeAllClose(best.map(({ score }) => score));
    }
  });

  it('keeps the same in batches of any size', async () => {
    const { tokens, seeds } = await accepted();
    for (const batchSize of [2, 7, 64]) expect(await accepted({}, { batchSize })).toMatchObject({ tokens, seeds });
  });

  it('gives better scores at a lower rate, and all there is at a rate of 1', async () => {
    const mean = ({ scores }: Accepted): number => scores.reduce((sum, score) => sum + score, 0) / scores.length;
    const scores: number[] = [];
    for (const rate of [1, 0.5, 0.25]) {
      const result = await accepted({ count: 4, accept: { rate } }, { scorer: classProbability });
      expect(result.acceptanceRate).toBe(rate);
      if (rate === 1) expect([...result.seeds].sort((a, b) => a - b)).toEqual([...result.seeds.keys()]);
      scores.push(mean(result));
    }
    expect(scores[1]).toBeGreaterThan(scores[0]!);
    expect(scores[2]).toBeGreaterThan(scores[1]!);
  });

  it('takes no candidate too many for rates that are no binary fractions', async () => {
    const calls: number[] = [];
    await accepted({
      count: 3,
      accept: { rate: 0.3 },
      conditions: tf.slice(conditions, 0, 1),
      onProgress: ({ candidates, totalCandidates }) => calls.push(candidates, totalCandidates),
    });
    expect(calls).toEqual([4, 10, 8, 10, 10, 10]);
  });

  it('prefers the earlier of two that score the same', async () => {
    const coarse: Scorer = ({ images }) => tf.round(tf.mean(images!, [1, 2, 3]));
    const { seeds, scores } = await accepted({ count: 3, accept: { rate: 0.5 } }, { scorer: coarse });
    for (let at = 1; at < seeds.length; at++) {
      if (at % 3 === 0) continue;
      expect(scores[at]! < scores[at - 1]! || seeds[at]! > seeds[at - 1]!).toBe(true);
    }
  });
});

describe('with a threshold', () => {
  const accept = { threshold: 0.5, maximumCandidates: 12 };

  it('keeps the first that reach it, whatever the size of the batches', async () => {
    const result = await accepted({ accept });
    for (const row of [0, 1, 2]) {
      const candidates = await candidatesOf(
        row,
        Array.from({ length: 12 }, (_, index) => row * 12 + index),
      );
      const reaching = candidates.filter(({ score }) => score >= accept.threshold).slice(0, 2);
      const own = result.seeds.filter((_, index) => result.rows[index] === row);
      expect([...own].sort((a, b) => a - b)).toEqual(reaching.map(({ seed }) => seed));
      expect(result.perCondition[row]).toEqual({ accepted: 2, candidates: reaching[1]!.seed - row * 12 + 1 });
    }
    const judged = result.perCondition.reduce((sum, { candidates }) => sum + candidates, 0);
    expect(result.acceptanceRate).toBe(6 / judged);
    expect(await accepted({ accept }, { batchSize: 9 })).toEqual(result);
  });

  it('gives up after so many candidates', async () => {
    const result = await accepted({ accept: { threshold: 2, maximumCandidates: 3 } });
    expect(result.tokens).toEqual([]);
    expect(result.acceptanceRate).toBe(0);
    expect(result.perCondition).toEqual(new Array(3).fill({ accepted: 0, candidates: 3 }));
  });
});

it('scores tokens alone where there is no tokenizer, of several levels too', async () => {
  const fewest: Scorer = ({ tokens, images }) => {
    expect(images).toBeUndefined();
    return tf.neg(tf.mean(tf.cast(tokens, 'float32'), [1, 2]));
  };
  const { tokens, scores } = await accepted({}, { scorer: fewest, tokenizer: undefined, model: tinyRQ() });
  expect(tokens).toHaveLength(6);
  tokens.forEach((image, index) => {
    expect(image).toHaveLength(36);
    expect(-image.reduce((sum, token) => sum + token, 0) / 36).toBeCloseTo(scores[index]!, 5);
  });
});

it('passes on filters, guidance and given tokens, a row a condition', async () => {
  const unknown = new Array<number>(11).fill(-1);
  const given = imageTokens(
    tf.tensor2d(
      [5, 6, 7].flatMap((token) => [token, ...unknown]),
      [3, 12],
      'int32',
    ),
  );
  const unconditional = tf.zeros<tf.Rank.R2>([3, 2], 'int32');
  const filters = { topK: 3, temperature: 0.7, guidance: { scale: 2, unconditional } };
  const { tokens, seeds, rows } = await accepted({ ...filters, given });
  const sampler = new Sampler(tinyGPT());
  for (const [index, row] of rows.entries()) {
    expect(tokens[index]![0]).toBe(5 + row);
    const again = await sampler.sample({
      ...filters,
      guidance: { scale: 2, unconditional: tf.slice(unconditional, 0, 1) },
      conditions: tf.slice(conditions, [row, 0], [1, 2]),
      given: imageTokens(tf.slice(given, row, 1)),
      seeds: [seeds[index]!],
    });
    expect([...again.dataSync()]).toEqual(tokens[index]);
  }
});

it('leaves no tensors behind, with scores that fail either', async () => {
  const sampler = new Sampler(tinyGPT());
  const scorers: Scorer[] = [
    brightness,
    () => tf.tensor1d([NaN, 0, 0, 0]),
    () => {
      throw new Error('no classifier');
    },
  ];
  await expectNoTensorLeak(async () => {
    for (const scorer of scorers) {
      const rejection = new RejectionSampler({ sampler, scorer, tokenizer, batchSize: 4 });
      const result = rejection.sample({ conditions, count: 1, accept: { rate: 0.5 } });
      await result.then(({ tokens }) => tokens.dispose()).catch(() => undefined);
      rejection.dispose();
    }
  });
});

describe('bad requests', () => {
  it.each([
    ['a rate of 0', { accept: { rate: 0 } }, ConfigError, /accept\.rate to be in \(0, 1\], got 0/],
    ['a rate above 1', { accept: { rate: 1.1 } }, ConfigError, /accept\.rate/],
    ['no image', { count: 0 }, ConfigError, /count/],
    ['a negative seed', { seed: -1 }, ConfigError, /seed/],
    ['fewer candidates than images', { accept: { threshold: 1, maximumCandidates: 1 } }, ConfigError, /at least 2/],
    ['a threshold that is none', { accept: { threshold: NaN, maximumCandidates: 9 } }, ConfigError, /threshold/],
    ['given tokens of fewer images', { given: tf.fill<tf.Rank.R2>([2, 12], -1, 'int32') }, ShapeError, /each of 3/],
    ['no condition', { conditions: tf.zeros<tf.Rank.R2>([0, 2], 'int32') }, ShapeError, /at least one condition/],
    ['topK of 0', { topK: 0 }, ConfigError, /topK/],
  ] as [string, Partial<RejectionOptions>, new (...facts: never[]) => Error, RegExp][])(
    'refuses %s',
    async (_, options, kind, message) => {
      await expect(accepted(options)).rejects.toThrow(kind);
      await expect(accepted(options)).rejects.toThrow(message);
    },
  );

  it('refuses scores that are not one number an image', async () => {
    const some: Scorer = ({ images }) => tf.mean(tf.slice(images!, 0, 2), [1, 2, 3]);
    await expect(accepted({}, { scorer: some })).rejects.toThrow(ShapeError);
    const logarithm: Scorer = ({ images }) => tf.log(tf.sub(tf.mean(images!, [1, 2, 3]), 0.5));
    await expect(accepted({}, { scorer: logarithm })).rejects.toThrow(DataError);
    await expect(accepted({}, { scorer: logarithm })).rejects.toThrow(/NaN for the image of condition \d, seed \d+/);
  });

  it('refuses a tokenizer that does not fit', async () => {
    await expect(accepted({}, { tokenizer: brightnessTokenizer() })).rejects.toThrow(/6 codes for a vocabulary of 11/);
  });
});
