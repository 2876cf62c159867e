import * as tf from '@tensorflow/tfjs';
import { ConfigError, ShapeError } from '@vitvq/core';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  clipScale,
  decayEverything,
  decayGroups,
  decayLinearWeights,
  globalNorm,
  namedGradients,
} from '../src/index.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => {
  tf.engine().endScope();
  tf.disposeVariables();
});

describe('globalNorm', () => {
  it('is the norm of all elements together', () => {
    expect(globalNorm([tf.tensor1d([3, 0]), tf.tensor2d([[4]]), tf.scalar(12)])).toBeAllClose(13);
    expect(globalNorm([])).toBeAllClose(0);
    expect(globalNorm(new Map([['a', tf.scalar(-2)]]).values()).shape).toEqual([]);
  });
});

describe('clipScale', () => {
  it.each([
    [10, 1, 1 / (10 + 1e-6)],
    [0.5, 1, 1],
    [0, 1, 1],
    [4, 2, 2 / (4 + 1e-6)],
    [10, Infinity, 1],
    [1e38, 1, 1e-38],
  ])('of norm %s with maximum %s is %s', (norm, maximum, scale) => {
    const result = clipScale(tf.scalar(norm), maximum);
    expect(result.shape).toEqual([]);
    expect(result).toBeAllClose(scale);
  });

  it.each([NaN, Infinity])('tells optimizers to skip a norm of %s', (norm) => {
    for (const maximum of [1, Infinity]) {
      expect([...clipScale(tf.scalar(norm), maximum).dataSync()]).toEqual([NaN]);
    }
  });

  it('refuses a maximum or a norm that cannot be', () => {
    for (const maximum of [0, -1, NaN]) {
      expect(() => clipScale(tf.scalar(1), maximum)).toThrow(ConfigError);
      expect(() => clipScale(tf.scalar(1), maximum)).toThrow(
        `clipScale: expected maximum to be positive, got ${maximum}.`,
      );
    }
    expect(() => clipScale(tf.ones([2]) as unknown as tf.Scalar, 1)).toThrow(ShapeError);
  });

  it('leaves no tensors behind', () => {
    const gradients = [tf.ones([2]), tf.ones([3])];
    expectNoTensorLeak(() => {
      const norm = globalNorm(gradients);
      tf.dispose([norm, clipScale(norm, 1)]);
    });
  });
});

describe('decayGroups', () => {
  const named = new Map(
    Object.entries({
      'encoder.patchEmbedding.weight': [12, 8],
      'encoder.patchEmbedding.bias': [8],
      'encoder.norm.scale': [8],
      'encoder.positions': [4, 8],
      'quantizer.codebook': [16, 4],
      'quantizer.codebookProjection.weight': [4, 8],
      temperature: [],
    }).map(([name, shape]) => [name, tf.variable(tf.zeros(shape))]),
  );

  it('decays weights and leaves vectors, codebooks and positions alone', () => {
    const [decayed, rest, ...more] = decayGroups(named, 0.05);
    expect(more).toEqual([]);
    expect([...decayed!.variables.keys()]).toEqual([
      'encoder.patchEmbedding.weight',
      'quantizer.codebookProjection.weight',
    ]);
    expect([decayed!.weightDecay, rest!.weightDecay]).toEqual([0.05, 0]);
    expect(rest!.variables.size).toBe(5);
    expect(rest!.variables.get('quantizer.codebook')).toBe(named.get('quantizer.codebook'));
  });

  it('knows learned positions by every name that the transformers give them', () => {
    const names = ['rowPositions', 'embedding.columnPositions', 'conditionPositions', 'depthPositions', 'compositions'];
    const transformer = new Map(names.map((name) => [name, tf.variable(tf.zeros([4, 8]))]));
    const [decayed, rest] = decayGroups(transformer, 0.05);
    expect([...decayed!.variables.keys()]).toEqual(['compositions']);
    expect(rest!.variables.size).toBe(4);
  });

  it('decays everything, as stage 1 of the reference', () => {
    expect(decayGroups(named, 0.05, decayEverything)).toEqual([{ variables: named, weightDecay: 0.05 }]);
  });

  it('decays weights of linear layers alone, as stage 2 of the reference', () => {
    const transformer = new Map(
      Object.entries({
        'tokenEmbedding.weight': [16, 8],
        'embeddings.weight': [16, 8],
        classEmbedding: [10, 8],
        positions: [4, 8],
        'encoder.patchEmbedding.weight': [12, 8],
        'blocks.0.attention.qkv.weight': [8, 24],
        'blocks.0.attention.qkv.bias': [24],
        'blocks.0.norm.weight': [8],
        weight: [8, 16],
      }).map(([name, shape]) => [name, tf.variable(tf.zeros(shape))]),
    );
    const [decayed, rest] = decayGroups(transformer, 0.01, decayLinearWeights);
    expect([...decayed!.variables.keys()]).toEqual([
      'encoder.patchEmbedding.weight',
      'blocks.0.attention.qkv.weight',
      'weight',
    ]);
    expect(rest!.variables.size).toBe(6);
  });

  it('gives no empty group', () => {
    const biases = new Map([...named].filter(([name]) => name.endsWith('bias')));
    expect(decayGroups(biases, 0.05)).toEqual([{ variables: biases, weightDecay: 0 }]);
  });
});

describe('namedGradients', () => {
  it('gives value and gradients by the names that were given', () => {
    const variables = new Map([
      ['a', tf.variable(tf.scalar(3))],
      ['b', tf.variable(tf.scalar(5))],
    ]);
    const { value, gradients } = namedGradients(() => tf.mul(variables.get('a')!, variables.get('b')!), variables);
    expect(value).toBeAllClose(15);
    expect([...gradients.keys()]).toEqual(['a', 'b']);
    expect(gradients.get('a')!).toBeAllClose(5);
    expect(gradients.get('b')!).toBeAllClose(3);
  });

  it('names the variables that the loss does not reach', () => {
    const [a, b] = [tf.variable(tf.scalar(3)), tf.variable(tf.scalar(5))];
    const variables = new Map([
      ['a', a],
      ['b', b],
    ]);
    const gradients = (): unknown => namedGradients(() => tf.square(a), variables);
    expect(gradients).toThrow(ConfigError);
    expect(gradients).toThrow(
      'namedGradients: expected a loss that depends on every variable, got no gradient for b. Leave them out, or use them.',
    );
    expectNoTensorLeak(() => expect(gradients).toThrow());
    expectNoTensorLeak(() => {
      const { value, gradients: named } = namedGradients(() => tf.square(a), new Map([['a', a]]));
      tf.dispose([value, ...named.values()]);
    });
  });
});
