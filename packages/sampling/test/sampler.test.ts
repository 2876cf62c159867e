import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, DataError, ShapeError } from '@vitvq/core';
import { doctor, useEngine } from '@vitvq/engine';
import {
  imageTokens,
  modernBlocks,
  normal,
  tinyAnyOrder,
  tinyGPT,
  tinyMasked,
  tinyRAR,
  tinyRQ,
  tokensOf,
} from '@vitvq/test-models';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import type { AutoregressiveModel, GPTOptions, ImageTokens } from '@vitvq/transformers';
import { Sampler, verifySampler, type SampleOptions, type SamplerOptions } from '../src/index.js';

const { engines } = await doctor();
const available = engines.filter(({ name, available: is }) => is && ['cpu', 'onnx'].includes(name));

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

const conditions = tokensOf<tf.Rank.R2>([3, 2], 5, 1);
const seeds = [7, 8, 9];
const int32 = (values: number[], shape: number[]): ImageTokens => imageTokens(tf.tensor(values, shape, 'int32'));

async function tokensFrom(model: AutoregressiveModel, options: Partial<SampleOptions>, sizes?: SamplerOptions) {
  const sampler = new Sampler(model, sizes);
  const tokens = await sampler.sample({ conditions, seeds, ...options });
  sampler.dispose();
  return [...(await tokens.data())];
}

describe('verifySampler', () => {
  // 2 conditions and 12 tokens make 13 slots. Segments that end with the conditions, that do not,
  // and one for all.
  it.each<SamplerOptions>([
    {},
    { lengths: [5] },
    { lengths: [2, 12] },
    { lengths: [1, 6, 20] },
    { lengths: [8, 4, 4] },
  ])('proves GPT with a cache of %j', async (sampler) => {
    expect(await verifySampler(tinyGPT(), { sampler })).toMatchObject({ passed: true, compared: { cached: 264 } });
  });

  it.each<SamplerOptions>([{}, { lengths: [4, 8] }])('proves RQTransformer with a cache of %j', async (sampler) => {
    expect(await verifySampler(tinyRQ(), { sampler })).toMatchObject({ passed: true, compared: { cached: 792 } });
  });

  it('proves models without time mixing, with positions on a grid, with embedded conditions', async () => {
    const options = { sampler: { lengths: [4] } };
    const plain = tinyGPT({ useTimeMixing: false, positions: 'grid', conditionVocabSize: undefined });
    expect((await verifySampler(plain, options)).passed).toBe(true);
    expect((await verifySampler(tinyRQ({ useTimeMixing: false }), options)).passed).toBe(true);
    expect((await verifySampler(tinyGPT({ grid: [1, 1], conditionLength: 1 }))).passed).toBe(true);
  });

  it.each<[string, Omit<Partial<GPTOptions>, 'depth'>]>([
    ['RMS norms', { norm: 'rms' }],
    ['SwiGLU', { feedForward: 'swiglu' }],
    ['normalised queries and keys', { queryKeyNorm: 'layer' }],
    ['rotary positions', { positions: 'rotary' }],
    ['rotary positions and conditions of score 0', { positions: 'rotary', rotaryConditions: 'zero' }],
    ['all of them without time mixing and biases', modernBlocks],
    ['norms after attention and feed-forward part', { normPlacement: 'post' }],
  ])('proves models with %s', async (_, options) => {
    const sampler = { lengths: [4, 8] };
    for (const model of [tinyGPT(options), tinyRQ(options)]) {
      expect(await verifySampler(model, { sampler })).toMatchObject({ passed: true });
    }
  });

  it.each<SamplerOptions>([{}, { lengths: [5] }, { lengths: [1, 6, 20] }])(
    'proves RAR with a cache of %j',
    async (sampler) => {
      for (const model of [tinyRAR(), tinyRAR({ conditionVocabSize: undefined })]) {
        expect(await verifySampler(model, { sampler })).toMatchObject({ passed: true, compared: { cached: 264 } });
      }
    },
  );

  describe.each(available.map(({ name }) => name))('of captions of different lengths, on %s', (name) => {
    beforeAll(() => useEngine({ name, onCompile: () => undefined }));
    afterAll(() => useEngine({ name: 'cpu' }));

    const captioned = { conditionVocabSize: undefined, conditionLength: 4, conditionPadding: 'zero' } as const;
    const lengths = [1, 4, 2];
    /** Captions, or what stands for none with the same padding. */
    const captionsOf = (seed: number): tf.Tensor3D =>
      tf.tidy(() => {
        const isCaption = lengths.map((length) => Array.from({ length: 4 }, (_, row) => Number(row >= 4 - length)));
        return tf.mul(normal<tf.Rank.R3>([3, 4, 8], seed), tf.expandDims(tf.tensor2d(isCaption), 2));
      });

    // The captions have 4 of 15 slots.
    it.each<[Omit<Partial<GPTOptions>, 'depth'>, SamplerOptions]>([
      [{ ...modernBlocks, rotaryConditions: 'zero', conditionAttention: 'causal' }, {}],
      [{ ...modernBlocks, conditionAttention: 'causal' }, { lengths: [2, 7] }],
      [{ useTimeMixing: false }, { lengths: [1, 3, 4] }],
      [{ useTimeMixing: false, norm: 'rms', positions: 'grid' }, { lengths: [6] }],
    ])('proves GPT with %j and a cache of %j', async (options, sampler) => {
      const model = tinyGPT({ ...captioned, ...options });
      const given = captionsOf(1);
      const guidance = { scale: 2, unconditional: captionsOf(2) };
      const expected = { passed: true, compared: { cached: 396 } };
      expect(await verifySampler(model, { conditions: given, sampler })).toMatchObject(expected);
      expect(await verifySampler(model, { conditions: given, sampler, guidance })).toMatchObject(expected);
    });

    it('notices a cache that shows padding', async () => {
      const model = tinyGPT({ ...captioned, ...modernBlocks });
      const decodeStep = model.decodeStep.bind(model);
      model.decodeStep = (tokens, count, { blocks }) => decodeStep(tokens, count, { blocks });
      const report = await verifySampler(model, { conditions: captionsOf(1) });
      expect(report.passed).toBe(false);
      expect(report.cached).toBeGreaterThan(0.01);
    });
  });

  it('compares guided logits of every kind of model', async () => {
    const unconditional = tokensOf<tf.Rank.R2>([3, 2], 5, 4);
    for (const model of [tinyGPT(), tinyRQ(), tinyMasked(), tinyAnyOrder()]) {
      const plain = await verifySampler(model, { conditions });
      const report = await verifySampler(model, { conditions, guidance: { scale: 4, unconditional } });
      expect(report.passed).toBe(true);
      expect(report.largestLogit).not.toBeCloseTo(plain.largestLogit, 3);
    }
  });

  it('notices a cache that loses the previous token, and a model that sees ahead', async () => {
    const forgetful = tinyGPT();
    const decodeStep = forgetful.decodeStep.bind(forgetful);
    forgetful.decodeStep = (tokens, count, { blocks }) =>
      decodeStep(tokens, count, {
        blocks: blocks.map((block) => ({ ...block, before: block.before && tf.zerosLike(block.before) })),
      });
    const lost = await verifySampler(forgetful);
    expect(lost.passed).toBe(false);
    expect(lost.cached).toBeGreaterThan(0.01);

    const clairvoyant = tinyGPT();
    const logits = clairvoyant.logits.bind(clairvoyant);
    clairvoyant.logits = (given, tokens) => logits(given, tf.reverse(tokens, 1));
    expect((await verifySampler(clairvoyant)).full).toBeGreaterThan(0.01);
  });

  it('samples without dropout from a model that is trained with it', async () => {
    const dropout = { residual: 0.5, activation: 0.5, attention: 0.5 };
    expect((await verifySampler(tinyGPT({ dropout }))).passed).toBe(true);
    expect(await tokensFrom(tinyGPT({ dropout }), {})).toEqual(await tokensFrom(tinyGPT(), {}));
  });
});

const models: [string, () => AutoregressiveModel, number[]][] = [
  ['GPT', () => tinyGPT(), [3, 12]],
  ['RQTransformer', () => tinyRQ(), [3, 12, 3]],
];
describe.each(models)('sampling from %s', (_name, create, shape) => {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  const perImage = size / 3;

  it('takes the most likely tokens with topK 1', async () => {
    const model = create();
    const tokens = await tokensFrom(model, { topK: 1 });
    const logits = model.logits(conditions, int32(tokens, [...shape]));
    expect([...tf.argMax(logits, -1).dataSync()]).toEqual(tokens);
  });

  it('depends on the seed of an image, not on its batch mates', async () => {
    const model = create();
    const together = await tokensFrom(model, {});
    expect(await tokensFrom(model, {})).toEqual(together);
    for (const image of [0, 1, 2]) {
      const alone = await tokensFrom(model, {
        conditions: tf.slice(conditions, [image, 0], [1, 2]),
        seeds: [seeds[image]!],
      });
      expect(alone).toEqual(together.slice(image * perImage, (image + 1) * perImage));
    }
    const others = await tokensFrom(model, { seeds: [1, 8, 2] });
    expect(others.slice(perImage, 2 * perImage)).toEqual(together.slice(perImage, 2 * perImage));
    expect(others.slice(0, perImage)).not.toEqual(together.slice(0, perImage));
  });

  it('streams what is known after every position', async () => {
    const model = create();
    const final = await tokensFrom(model, {});
    const sampler = new Sampler(model);
    const counts: number[] = [];
    for await (const { count, tokens, shape: streamed } of sampler.stream({ conditions, seeds })) {
      counts.push(count);
      expect(streamed).toEqual(shape);
      const expected = final.map((token, index) => (index % perImage < (count * perImage) / 12 ? token : -1));
      expect([...tokens]).toEqual(expected);
    }
    expect(counts).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
  });

  it.each([1, 5, 11, 12])('goes on from %i given positions as if it had drawn them', async (prefix) => {
    const model = create();
    const drawn = await tokensFrom(model, {}, { lengths: [8] });
    const known = drawn.map((token, index) => (index % perImage < (prefix * perImage) / 12 ? token : -1));
    const given = int32(known, [...shape]);
    expect(await tokensFrom(model, { given }, { lengths: [8] })).toEqual(drawn);
  });

  it('keeps given tokens wherever they are, and draws those after them with them in view', async () => {
    const model = create();
    const free = await tokensFrom(model, {});
    const at = perImage / 2;
    const forced = (free[perImage + at]! + 1) % 11;
    const given = new Array<number>(size).fill(-1);
    given[perImage + at] = forced;
    const { tokens, logits } = await new Sampler(model).sampleWithLogits({
      conditions,
      seeds,
      given: int32(given, [...shape]),
    });
    const values = [...(await tokens.data())];
    expect(values[perImage + at]).toBe(forced);
    expect(values.slice(0, perImage + at)).toEqual(free.slice(0, perImage + at));
    expect(values.slice(2 * perImage)).toEqual(free.slice(2 * perImage));
    expect(logits).toBeAllClose(model.logits(conditions, tokens), { atol: 1e-4 });
  });

  it('gives the logits of positions that it drew, and refuses to draw none', async () => {
    const model = create();
    const drawn = await tokensFrom(model, {});
    const given = (count: number): ImageTokens =>
      int32(
        drawn.map((token, index) => (index % perImage < (count * perImage) / 12 ? token : -1)),
        [...shape],
      );
    const { tokens, start, logits } = await new Sampler(model).sampleWithLogits({ conditions, seeds, given: given(5) });
    expect(start).toBe(5);
    const all: tf.Tensor = model.logits(conditions, tokens);
    expect(logits).toBeAllClose(tf.slice(all, [0, 5], [-1, -1]), { atol: 1e-4 });
    await expect(new Sampler(model).sampleWithLogits({ conditions, seeds, given: given(12) })).rejects.toThrow(
      /a position to draw, got given tokens for all/,
    );
  });

  it('guides: scale 1 changes nothing, 0 drops the condition, 3 goes beyond it', async () => {
    const model = create();
    const unconditional = tf.zeros<tf.Rank.R2>([3, 2], 'int32');
    const guided = (scale: (SampleOptions['temperature'] & object) | number): Promise<number[]> =>
      tokensFrom(model, { guidance: { scale, unconditional } }, { lengths: [4] });
    expect(await guided(1)).toEqual(await tokensFrom(model, {}));
    expect(await guided(0)).toEqual(await tokensFrom(model, { conditions: unconditional }));
    const sampler = new Sampler(model, { lengths: [4] });
    const scale = (progress: number): number => 1 + 2 * progress;
    const { tokens, logits } = await sampler.sampleWithLogits({
      conditions,
      seeds,
      guidance: { scale, unconditional },
    });
    const [conditional, free] = [conditions, unconditional].map((given) => model.logits(given, tokens));
    const scales = tf.reshape(tf.tensor1d(Array.from({ length: 12 }, (_, position) => scale(position / 11))), [
      1,
      12,
      ...logits.shape.slice(2).map(() => 1),
    ]);
    expect(logits).toBeAllClose(tf.add(free!, tf.mul(scales, tf.sub(conditional!, free!))), { atol: 1e-4 });
  });

  it('leaves no tensors behind, neither at the end nor when left early', async () => {
    const model = create();
    const sampler = new Sampler(model, { lengths: [4] });
    await expectNoTensorLeak(async () => {
      (await sampler.sample({ conditions, seeds, topP: 0.9 })).dispose();
      for await (const { count } of sampler.stream({ conditions, seeds })) if (count === 6) break;
    });
  });
});

it('follows a temperature that changes', async () => {
  const model = tinyGPT();
  const cold = await tokensFrom(model, { temperature: 1e-20 });
  expect(cold).toEqual(await tokensFrom(model, { topK: 1 }));
  const cooling = await tokensFrom(model, { temperature: (progress) => (progress < 0.5 ? 1 : 1e-20) });
  const warm = await tokensFrom(model, {});
  for (const image of [0, 1, 2]) {
    const start = image * 12;
    expect(cooling.slice(start, start + 6)).toEqual(warm.slice(start, start + 6));
  }
});

it('works with embeddings for conditions, guided too', async () => {
  const model = tinyGPT();
  const table = model.namedVariables().get('embedding.conditions')!;
  const embedded = tf.reshape<tf.Rank.R3>(tf.gather(table, conditions), [3, 2, 8]);
  const unconditional = tf.zerosLike(embedded);
  expect(await tokensFrom(model, { conditions: embedded })).toEqual(await tokensFrom(model, {}));
  expect(await tokensFrom(model, { conditions: embedded, guidance: { scale: 1, unconditional } })).toEqual(
    await tokensFrom(model, {}),
  );
});

describe('bad requests', () => {
  const model = tinyGPT();
  const refused: [string, Partial<SampleOptions>, new (...values: never[]) => Error, RegExp][] = [
    [
      'a class out of range',
      { conditions: int32([0, 1, 2, 5, 1, 1], [3, 2]) },
      DataError,
      /\[0, 5\), got 5 at \[1, 1\]/,
    ],
    ['a negative class', { conditions: int32([0, 1, 2, -1, 1, 1], [3, 2]) }, DataError, /got -1/],
    ['a given token out of range', { given: tf.fill<tf.Rank.R2>([3, 12], 11, 'int32') }, DataError, /\[0, 11\)/],
    ['more given tokens than positions', { given: tf.fill<tf.Rank.R2>([3, 13], -1, 'int32') }, ShapeError, /3, 12/],
    ['a condition too many', { seeds: [1, 2] }, ShapeError, /\[2, 2\].*2 seeds.*got \[3, 2\]/],
    ['embeddings of another width', { conditions: normal<tf.Rank.R3>([3, 2, 7], 1) }, ShapeError, /3, 2, 8/],
    ['no image', { seeds: [] }, ConfigError, /number of seeds/],
    ['a seed that is none', { seeds: [1, 2, -3] }, ConfigError, /seed/],
    ['topK of 0', { topK: 0 }, ConfigError, /topK/],
    ['topK above the vocabulary', { topK: 12 }, ConfigError, /\[1, 11\].*got 12/],
    ['topP of 0', { topP: 0 }, ConfigError, /topP/],
    ['topP above 1', { topP: 1.5 }, ConfigError, /topP/],
    ['a temperature of 0', { temperature: 0 }, ConfigError, /temperature/],
    ['a schedule that reaches 0', { temperature: (progress) => 1 - progress }, ConfigError, /got 0/],
    [
      'a guidance scale that is no number',
      { guidance: { scale: NaN, unconditional: conditions } },
      ConfigError,
      /guidance.scale/,
    ],
    [
      'a null condition of another kind',
      { guidance: { scale: 2, unconditional: normal<tf.Rank.R3>([3, 2, 8], 1) } },
      ShapeError,
      /one kind.*got \[3, 2\] and \[3, 2, 8\]/,
    ],
    [
      'a null class out of range',
      { guidance: { scale: 2, unconditional: tf.fill<tf.Rank.R2>([3, 2], 5, 'int32') } },
      DataError,
      /guidance.unconditional/,
    ],
  ];
  it.each(refused)('refuses %s', async (_name, options, error, message) => {
    const before = tf.memory().numTensors;
    const sampler = new Sampler(model);
    await expect(sampler.sample({ conditions, seeds, ...options })).rejects.toThrow(error);
    await expect(sampler.sample({ conditions, seeds, ...options })).rejects.toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says where embeddings that are NaN lead to logits that are, and leaves nothing behind', async () => {
    const embeddings = tf.fill<tf.Rank.R3>([3, 2, 8], 1);
    const broken = tf.mul<tf.Tensor3D>(embeddings, tf.tensor3d([1, NaN, 1], [3, 1, 1]));
    await expectNoTensorLeak(async () => {
      const sampler = new Sampler(model);
      await expect(sampler.sample({ conditions: broken, seeds })).rejects.toThrow(/NaN for position 0 of image 1/);
      await expect(sampler.sample({ conditions: broken, seeds })).rejects.toThrow(DataError);
      sampler.dispose();
    });
  });

  it('refuses a second request at a time, and serves the next one', async () => {
    const sampler = new Sampler(model);
    const first = sampler.sample({ conditions, seeds });
    await expect(sampler.sample({ conditions, seeds })).rejects.toThrow(/one request at a time/);
    await first;
    await expect(sampler.sample({ conditions, seeds })).resolves.toBeInstanceOf(tf.Tensor);
  });

  it('refuses sizes of a cache that make no sense', () => {
    expect(() => new Sampler(model, { lengths: [0] })).toThrow(ConfigError);
    expect(() => new Sampler(model, { lengths: [1.5] })).toThrow(ConfigError);
  });
});
