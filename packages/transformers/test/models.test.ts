import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { ConfigError, randomKey, ShapeError } from '@vitvq/core';
import { drawDropoutMasks } from '@vitvq/layers';
import { crossEntropy } from '@vitvq/losses';
import { decayGroups, decayLinearWeights } from '@vitvq/optim';
import { imageTokens, modernBlocks, normal, tinyGPT, tinyRQ, tokensOf } from '@vitvq/test-models';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import {
  createTransformer,
  GPT,
  gptReferenceWeights,
  RQTransformer,
  rqTransformerReferenceWeights,
  type AutoregressiveModel,
} from '../src/index.js';

const conditions = tokensOf<tf.Rank.R2>([2, 2], 5, 1);

const models: [string, () => GPT | RQTransformer, number[]][] = [
  ['GPT', () => tinyGPT(), [2, 12]],
  ['GPT with a grid of positions', () => tinyGPT({ positions: 'grid', useTimeMixing: false }), [2, 12]],
  ['GPT of modern blocks', () => tinyGPT({ ...modernBlocks, rotaryConditions: 'zero' }), [2, 12]],
  ['RQTransformer', () => tinyRQ(), [2, 12, 3]],
  ['RQTransformer with a grid of positions', () => tinyRQ({ positions: 'grid' }), [2, 12, 3]],
  ['RQTransformer with rotary positions', () => tinyRQ({ ...modernBlocks, queryKeyNorm: 'layer' }), [2, 12, 3]],
];

const asModel = (model: GPT | RQTransformer): AutoregressiveModel => model;
const dropout = { residual: 0.5, activation: 0.25, attention: 0.2 };

describe.each(models)('%s', (_name, create, shape) => {
  const tokens = imageTokens(tokensOf(shape, 11, 2));

  it('predicts each token from those before it alone', async () => {
    const model = asModel(create());
    const size = tokens.size / 2;
    const original = model.logits(conditions, tokens);
    expect(original.shape).toEqual([...shape, 11]);
    const before = (await original.data()) as Float32Array;
    const values = await tokens.data();
    for (const changed of [0, 5, size - 1]) {
      const others = values.map((token, index) => (index % size === changed ? (token + 1) % 11 : token));
      const after = (await model
        .logits(conditions, imageTokens(tf.tensor(others, shape, 'int32')))
        .data()) as Float32Array;
      const differing = new Set<number>();
      after.forEach((value, index) => {
        if (value !== before[index]) differing.add(Math.floor(index / 11) % size);
      });
      expect(Math.min(...differing, size)).toBe(changed + 1);
    }
  });

  it('takes fewer tokens than positions, down to one', () => {
    const model = asModel(create());
    const all = model.logits(conditions, tokens);
    for (const count of [1, 7]) {
      const start = shape.map(() => 0);
      const some = imageTokens(tf.slice(tokens, start, [2, count, ...shape.slice(2)]));
      const logits = model.logits(conditions, some);
      expect(logits).toBeAllClose(tf.slice(all, [...start, 0], logits.shape), { atol: 1e-5 });
    }
  });

  it('lets all conditions weigh on the first token', () => {
    const model = asModel(create());
    const first = (given: number[]): tf.Tensor =>
      tf.slice(model.logits(tf.tensor2d(given, [2, 2], 'int32'), tokens), [0, 0], [1, 1]);
    const same = first([1, 2, 0, 0]);
    expect(first([3, 2, 0, 0])).not.toBeAllClose(same);
    expect(first([1, 3, 0, 0])).not.toBeAllClose(same);
    expect(first([1, 2, 4, 4])).toBeAllClose(same);
  });

  it('takes embeddings for conditions', () => {
    const model = asModel(create());
    const table = model.namedVariables().get('embedding.conditions') as tf.Tensor2D;
    const embedded = tf.reshape<tf.Rank.R3>(tf.gather(table, conditions), [2, 2, 8]);
    expect(model.logits(embedded, tokens)).toBeAllClose(model.logits(conditions, tokens));
    expect(() => model.logits(tf.zeros<tf.Rank.R3>([2, 2, 7]), tokens)).toThrow(ShapeError);
  });

  it('names what every block makes of the tokens', () => {
    const model = asModel(create());
    const features = model.features(conditions, tokens);
    expect(Object.keys(features)).toEqual(model.featureNames);
    for (const [name, feature] of Object.entries(features)) {
      const overLevels = shape.length === 3 && name.startsWith('depth.');
      expect(feature.shape).toEqual([2, overLevels ? 36 : 12, 8]);
    }
  });

  it('refuses tokens and conditions of other shapes', () => {
    const model = asModel(create());
    const many = imageTokens(tokensOf([2, 13, ...shape.slice(2)], 11, 3));
    expect(() => model.logits(conditions, many)).toThrow(/1 to 12 tokens an image, the positions of a grid of 3x4/);
    expect(() => model.features(conditions, many)).toThrow(ShapeError);
    const wrongRank = imageTokens(tokensOf(shape.length === 2 ? [2, 12, 1] : [2, 12], 11, 3));
    expect(() => model.logits(conditions, wrongRank)).toThrow(ShapeError);
    expect(() => model.logits(tokensOf<tf.Rank.R2>([2, 1], 5, 1), tokens)).toThrow(ShapeError);
  });

  it('leaves no tensors behind', () => {
    const model = asModel(create());
    expectNoTensorLeak(() => {
      model.logits(conditions, tokens).dispose();
      tf.dispose(model.features(conditions, tokens));
    });
  });
});

// Blocks of a transformer are alike: one of each is enough, and a position or two after the first.
const one = { depth: 1, numHeads: 2 };
const layered = { positions: 'rotary', queryKeyNorm: 'layer' } as const;
it.each<[string, GPT | RQTransformer, number[]]>([
  ['GPT', tinyGPT({ depth: 1 }), [2, 3]],
  ['GPT with dropout and a grid of positions', tinyGPT({ depth: 1, dropout, positions: 'grid' }), [2, 3]],
  ['GPT of modern blocks', tinyGPT({ depth: 1, ...modernBlocks, dropout }), [2, 3]],
  ['GPT with rotary positions, time mixing and a layer norm', tinyGPT({ depth: 1, ...layered }), [2, 3]],
  ['RQTransformer', tinyRQ({ spatial: one, depth: one, positions: 'grid' }), [2, 2, 3]],
  ['RQTransformer with dropout', tinyRQ({ spatial: one, depth: one, dropout }), [2, 2, 3]],
])('%s has the right gradients of the loss', (_, model, shape) => {
  const tokens = imageTokens(tokensOf(shape, 11, 2));
  const dropoutMasks = drawDropoutMasks(randomKey(3), model.dropoutSites(2, shape[1]));
  expectGradientsMatchFiniteDifferences(
    () => crossEntropy(asModel(model).logits(conditions, tokens, { dropoutMasks }), tokens),
    [],
    // ReLU squared has a kink in its second derivative.
    { variables: model.namedVariables(), elements: 2, step: 0.005, atol: 5e-4, rtol: 5e-3 },
  );
});

const padded = {
  ...modernBlocks,
  conditionVocabSize: undefined,
  conditionLength: 4,
  conditionAttention: 'causal',
  conditionPadding: 'zero',
  depth: 1,
} as const;

it('a GPT of padded conditions has the right gradients of conditions and weights', () => {
  const model = tinyGPT(padded);
  const tokens = imageTokens(tokensOf([2, 4], 11, 2));
  const given = normal<tf.Rank.R3>([2, 3, 8], 5);
  // The first condition of both is padding; finite differences of it would be a step to no padding.
  const withZeros = (vectors: tf.Tensor): tf.Tensor3D =>
    tf.pad(vectors as tf.Tensor3D, [
      [0, 0],
      [1, 0],
      [0, 0],
    ]);
  expectGradientsMatchFiniteDifferences(
    (vectors) => crossEntropy(model.logits(withZeros(vectors), tokens as tf.Tensor2D), tokens),
    [given],
    { variables: model.namedVariables(), elements: 4, step: 0.005, atol: 5e-4, rtol: 5e-3 },
  );
});

describe('conditions that are zeros', () => {
  const tokens = tokensOf<tf.Rank.R2>([2, 12], 11, 2);
  const caption = normal<tf.Rank.R3>([2, 2, 8], 5);
  const zeros = tf.zeros<tf.Rank.R3>([2, 2, 8]);

  it('are as if they were not there where they are padding', () => {
    const model = tinyGPT(padded);
    // Nothing in it depends on the number of conditions.
    const short = new GPT({ ...model.config, conditionLength: 2, key: randomKey(0) });
    for (const [name, variable] of short.namedVariables()) variable.assign(model.namedVariables().get(name)!);
    const expected = short.logits(caption, tokens);
    expect(model.logits(tf.concat([zeros, caption], 1), tokens)).toBeAllClose(expected, { atol: 1e-5 });
    const features = model.features(tf.concat([zeros, caption], 1), tokens);
    for (const [name, value] of Object.entries(short.features(caption, tokens))) {
      expect(features[name]).toBeAllClose(value, { atol: 1e-5 });
    }
    const shown = new GPT({ ...model.config, conditionPadding: 'none', key: randomKey(0) });
    for (const [name, variable] of shown.namedVariables()) variable.assign(model.namedVariables().get(name)!);
    const distance = tf.max(tf.abs(tf.sub(shown.logits(tf.concat([zeros, caption], 1), tokens), expected)));
    expect(distance.dataSync()[0]).toBeGreaterThan(1e-3);
  });

  it('are causal among themselves where they are told to be', () => {
    for (const [conditionAttention, isSeen] of [
      ['causal', false],
      ['full', true],
    ] as const) {
      const model = tinyGPT({ ...padded, conditionAttention, conditionPadding: 'none', depth: 2 });
      const names = [...model.namedVariables().keys()];
      expect(names.includes('embedding.conditionPositions')).toBe(isSeen);
      const first = tf.tidy(() => {
        const { added } = model.prefill(tf.concat([caption, caption], 1), undefined, tf.scalar(0, 'int32'));
        const { added: others } = model.prefill(
          tf.concat([caption, normal<tf.Rank.R3>([2, 2, 8], 6)], 1),
          undefined,
          tf.scalar(0, 'int32'),
        );
        // Values of the second block at the first condition.
        const [own, other] = [added, others].map((all) => tf.slice(all[1]!.values, [0, 0, 0, 0], [-1, -1, 1, -1]));
        return tf.max(tf.abs(tf.sub(own!, other!))).dataSync()[0]!;
      });
      expect(first > 1e-4).toBe(isSeen);
    }
  });
});

describe('dropout', () => {
  it('scales what stays, so that the mean over many masks is the value without', () => {
    const model = tinyGPT({ depth: 1, dropout: { residual: 0.3 } });
    expect(Object.keys(model.dropoutSites(2))).toEqual([
      'transformer.blocks.0.attentionResidual',
      'transformer.blocks.0.feedForwardResidual',
    ]);
    const masks = drawDropoutMasks(randomKey(1), { site: { shape: [100_000], rate: 0.3 } });
    const kept = tf.mean(tf.cast(masks.site!, 'float32')).dataSync()[0]!;
    expect(Math.abs(kept - 0.7)).toBeLessThan(5 * Math.sqrt((0.3 * 0.7) / 100_000));
  });

  it('changes nothing without masks, and with masks that keep all only by the scale', () => {
    const tokens = tokensOf<tf.Rank.R2>([2, 12], 11, 2);
    const plain = tinyGPT().logits(conditions, tokens);
    const model = tinyGPT({ dropout });
    expect(model.logits(conditions, tokens)).toBeAllClose(plain);
    const dropoutMasks = drawDropoutMasks(randomKey(1), model.dropoutSites(2));
    expect(model.logits(conditions, tokens, { dropoutMasks })).not.toBeAllClose(plain);
    expect(model.logits(conditions, tokens, { dropoutMasks })).toBeAllClose(
      model.logits(conditions, tokens, { dropoutMasks }),
    );
  });

  it('refuses masks that are missing or of another batch, and rates out of range', () => {
    const model = tinyGPT({ dropout });
    const tokens = tokensOf<tf.Rank.R2>([2, 12], 11, 2);
    expect(() => model.logits(conditions, tokens, { dropoutMasks: {} })).toThrow(ConfigError);
    const dropoutMasks = drawDropoutMasks(randomKey(1), model.dropoutSites(3));
    expect(() => model.logits(conditions, tokens, { dropoutMasks })).toThrow(ShapeError);
    expect(() => tinyGPT({ dropout: { attention: 1 } })).toThrow(ConfigError);
  });
});

describe('RQTransformer', () => {
  it('sees the sum of embeddings over levels: their order at earlier positions does not matter', () => {
    const model = tinyRQ();
    const tokens = tokensOf<tf.Rank.R3>([1, 12, 3], 11, 7);
    const one = tf.tensor2d([[1, 2]], [1, 2], 'int32');
    const last = (given: tf.Tensor3D): tf.Tensor => tf.slice(model.logits(one, given), [0, 11, 0, 0], [1, 1, 1, 11]);
    expect(last(tf.reverse(tokens, 2))).toBeAllClose(last(tokens), { atol: 1e-5 });
  });

  it('needs two levels or more', () => {
    expect(() => tinyRQ({ codeDepth: 1 })).toThrow(/codeDepth/);
  });
});

describe('variables', () => {
  it('start as those of the reference', () => {
    const size = { vocabSize: 40, grid: [4, 4], conditionVocabSize: 9, dim: 32, key: randomKey(5) } as const;
    const gpt = new GPT({ ...size, depth: 1, numHeads: 2 }).namedVariables();
    const rq = new RQTransformer({
      ...size,
      codeDepth: 2,
      spatial: { depth: 1, numHeads: 2 },
      depth: { depth: 1, numHeads: 2 },
    }).namedVariables();
    for (const name of ['embedding.tokens', 'head.weight', 'transformer.blocks.0.hidden.weight']) {
      const values = gpt.get(name)!;
      const deviation = Math.sqrt(tf.mean(tf.square(values)).dataSync()[0]!);
      expect(Math.abs(deviation / 0.02 - 1)).toBeLessThan(5 / Math.sqrt(2 * values.size));
    }
    expect(gpt.get('embedding.positions')!).toBeAllClose(tf.zeros([16, 32]));
    expect(gpt.get('transformer.blocks.0.attention.query.bias')!).toBeAllClose(tf.zeros([32]));
    for (const name of ['embedding.positions', 'embedding.conditionPositions', 'depthPositions']) {
      const values = [...rq.get(name)!.dataSync()];
      expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
      expect(new Set(values).size).toBeGreaterThan(values.length / 2);
    }
  });

  it.each([
    ['GPT', tinyGPT(), gptReferenceWeights({ depth: 2 })],
    ['RQTransformer', tinyRQ(), rqTransformerReferenceWeights({ spatial: { depth: 2 }, depth: { depth: 2 } })],
  ] as const)('of %s all have a place in the reference', (_name, model, table) => {
    expect(new Set(table.map(({ name }) => name))).toEqual(new Set(model.namedVariables().keys()));
    expect(new Set(table.map(({ referenceName }) => referenceName)).size).toBe(table.length);
    for (const { name, fromReference, toReference } of table) {
      const { shape } = model.namedVariables().get(name)!;
      const tensor = {
        shape,
        data: Float32Array.from({ length: model.namedVariables().get(name)!.size }, (_, i) => i),
      };
      expect(fromReference(toReference(tensor))).toEqual(tensor);
    }
  });

  it('are decayed where they are weights of dense layers', () => {
    const model = tinyGPT({ depth: 1, useMlpBias: false, useAttentionBias: false });
    const [decayed, others] = decayGroups(model.namedTrainableVariables(), 0.01, decayLinearWeights);
    const dense = ['query', 'key', 'value', 'output'].map((name) => `attention.${name}`);
    expect(new Set(decayed!.variables.keys())).toEqual(
      new Set(['head.weight', ...[...dense, 'hidden', 'output'].map((name) => `transformer.blocks.0.${name}.weight`)]),
    );
    expect([...others!.variables.keys()]).toContain('transformer.blocks.0.attention.timeMix');
    expect([...others!.variables.keys()]).toContain('embedding.tokens');
  });

  it('have places on a grid that are sums of row and column', () => {
    const model = tinyGPT({ positions: 'grid' });
    const named = model.namedVariables();
    expect(named.get('embedding.rowPositions')!.shape).toEqual([3, 8]);
    expect(named.get('embedding.columnPositions')!.shape).toEqual([4, 8]);
    const tokens = tokensOf<tf.Rank.R2>([1, 12], 11, 2);
    const { embedding } = model.features(tf.tensor2d([[0, 0]], [1, 2], 'int32'), tokens);
    const vector = tf.sub(
      tf.slice(embedding!, [0, 6, 0], [1, 1, 8]),
      tf.gather(named.get('embedding.tokens')!, tf.slice(tokens, [0, 6], [1, 1])),
    );
    const expected = tf.add(
      tf.slice(named.get('embedding.rowPositions')!, [1, 0], [1, 8]),
      tf.slice(named.get('embedding.columnPositions')!, [2, 0], [1, 8]),
    );
    expect(tf.reshape(vector, [1, 8])).toBeAllClose(expected, { atol: 1e-6 });
  });

  it('are fewer with rotary positions, which add nothing but tell the conditions apart', () => {
    const names = (conditionLength: number): string[] =>
      [
        ...tinyGPT({ ...modernBlocks, conditionLength })
          .namedVariables()
          .keys(),
      ].filter((name) => name.includes('embedding'));
    expect(names(1)).toEqual(['embedding.conditions', 'embedding.tokens']);
    expect(names(2)).toEqual(['embedding.conditions', 'embedding.conditionPositions', 'embedding.tokens']);
  });

  it('of SwiGLU are as many as those of an MLP', () => {
    const size = { vocabSize: 2, grid: [1, 1], dim: 24, depth: 1, numHeads: 2, useMlpBias: false } as const;
    const plain = new GPT({ ...size, key: randomKey(0) });
    const gated = new GPT({ ...size, feedForward: 'swiglu', key: randomKey(0) });
    expect(gated.config.mlpDim).toBe(64);
    expect(gated.parameterCount()).toBe(plain.parameterCount());
  });

  it('refuses options without effect, and heads that cannot be rotated', () => {
    expect(() => tinyGPT({ rotaryConditions: 'zero' })).toThrow(
      /rotaryConditions is "zero".*without positions 'rotary'/,
    );
    expect(() => tinyRQ({ feedForward: 'swiglu', activation: 'silu' })).toThrow(
      /activation is "silu": expected none with feedForward 'swiglu'/,
    );
    expect(() => tinyGPT({ positions: 'rotary', dim: 12 })).toThrow(/dim is 12: expected a multiple of 4 numHeads/);
    expect(() => tinyRQ({ positions: 'rotary', spatial: { depth: 1, numHeads: 4 } })).toThrow(
      /dim is 8: expected a multiple of 4 spatial.numHeads/,
    );
    const size = { kind: 'gpt', dim: 8, depth: 1, numHeads: 2 } as const;
    const fit = { vocabSize: 3, grid: [2, 2], conditionVocabSize: 2, key: randomKey(0) } as const;
    expect(() => createTransformer({ ...size, rotaryConditions: 'zero' }, fit)).toThrow(/without positions 'rotary'/);
    expect(createTransformer({ ...size, ...modernBlocks }, fit).config).toMatchObject(modernBlocks);
  });

  it('refuses padding that a model would show', () => {
    expect(() => tinyGPT({ conditionPadding: 'zero' })).toThrow(
      /conditionPadding is "zero": expected 'none' with a conditionVocabSize.*and with useTimeMixing/,
    );
    const size = { kind: 'gpt', dim: 8, depth: 1, numHeads: 2, conditionPadding: 'zero' } as const;
    const fit = { vocabSize: 3, grid: [2, 2], conditionLength: 2, key: randomKey(0) } as const;
    expect(() => createTransformer(size, fit)).toThrow(/'none' with useTimeMixing, which shows padding/);
    const choices = { conditionPadding: 'zero', conditionAttention: 'causal' } as const;
    const { config } = createTransformer({ ...size, ...choices, useTimeMixing: false }, fit);
    expect(config).toMatchObject(choices);
    expect(() => tinyGPT({ conditionAttention: 'mutual' as 'full' })).toThrow(
      /conditionAttention is "mutual".*"full"\|"causal"/,
    );
  });

  it('cannot be made of options that make no sense, and leaves nothing behind', () => {
    const before = tf.memory().numTensors;
    expect(() => tinyGPT({ dim: 18, numHeads: 4 })).toThrow(ConfigError);
    expect(() => tinyRQ({ dropout: { attention: 1 } })).toThrow(ConfigError);
    expect(tf.memory().numTensors).toBe(before);
    expect(() => tinyGPT({ vocabSize: 0 })).toThrow(ConfigError);
    expect(() => tinyGPT({ grid: [3, 0] })).toThrow(ConfigError);
    expect(() => tinyGPT({ depth: 0 })).toThrow(ConfigError);
    expect(() => tinyGPT({ positions: 'sincos' as 'grid' })).toThrow(/positions is "sincos".*"sequence"\|"grid"/);
    const several = { dim: 18, numHeads: 4, activation: 'swish' as 'gelu', dropout: { residuals: 0.1 } as object };
    expect(() => tinyGPT(several)).toThrow(
      /GPT: .*2 problems: activation is "swish".*unknown option "dropout.residuals"/,
    );
    expect(() => tinyRQ({ depth: { depth: 1, numHeads: 3 } })).toThrow(
      /dim is 8: expected a multiple of depth.numHeads/,
    );
    const embedded = tinyGPT({ conditionVocabSize: undefined });
    expect(() => embedded.logits(conditions, tokensOf<tf.Rank.R2>([2, 12], 11, 2))).toThrow(/conditionVocabSize/);
    expect(() => tinyGPT().logits(conditions, tokensOf<tf.Rank.R2>([3, 12], 11, 2))).toThrow(
      /as many images, got 2 and 3/,
    );
  });
});
