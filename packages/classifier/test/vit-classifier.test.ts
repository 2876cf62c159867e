import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, ShapeError, skipInitialization } from '@vitvq/core';
import { normal, shake } from '@vitvq/test-models';
import { testImageClassifier, testOptions } from '@vitvq/test-utils';
import { describe, expect, it } from 'vitest';
import { createClassifier, ViTClassifier, type ViTClassifierConfig } from '../src/index.js';

const tiny: ViTClassifierConfig = {
  imageSize: [4, 6],
  patchSize: 2,
  dim: 8,
  depth: 1,
  numHeads: 2,
  mlpDim: 12,
  classes: 3,
};

const block = [
  ...['attentionNorm.scale', 'attentionNorm.bias', 'attention.qkv.weight'],
  ...['attention.output.weight', 'attention.output.bias', 'feedForwardNorm.scale', 'feedForwardNorm.bias'],
  ...['feedForward.hidden.weight', 'feedForward.hidden.bias', 'feedForward.output.weight', 'feedForward.output.bias'],
].map((name) => `transformer.blocks.0.${name}`);
const outer = [...block, 'transformer.norm.scale', 'transformer.norm.bias', 'head.weight', 'head.bias'];
const patches = ['patchEmbedding.weight', 'patchEmbedding.bias'];

/** A name, a config, and the variables in their order. */
const cases: [string, ViTClassifierConfig, string[]][] = [
  ['a class token', tiny, ['classToken', 'positions', ...patches, ...outer]],
  ['a mean', { ...tiny, pool: 'mean' }, ['positions', ...patches, ...outer]],
  ['a class token and fixed positions', { ...tiny, positions: 'sincos' }, ['classToken', ...patches, ...outer]],
  ['a mean and fixed positions', { ...tiny, pool: 'mean', positions: 'sincos' }, [...patches, ...outer]],
];

for (const [name, config, variableNames] of cases) {
  testImageClassifier({
    name: `a ViTClassifier with ${name}`,
    create: () => createClassifier(config, { seed: 5 }),
    imageShape: [2, 4, 6, 3],
    variableNames,
  });
}

const images = normal<tf.Rank.R4>([2, 4, 6, 3], 1);

describe.each(cases)('a ViTClassifier with %s', (_name, config) => {
  it('gives even predictions at first', () => {
    const classifier = createClassifier(config, { seed: 5 });
    expect([...classifier.logits(images).dataSync()]).toEqual(new Array(6).fill(0));
    classifier.dispose();
  });

  it('pools the tokens of the last norm', () => {
    const classifier = shake(createClassifier(config, { seed: 5 }));
    const { norm, pooled } = classifier.features(images) as { norm: tf.Tensor3D; pooled: tf.Tensor2D };
    const isMean = config.pool === 'mean';
    expect(norm.shape).toEqual([2, isMean ? 6 : 7, 8]);
    const first = tf.reshape(tf.slice(norm, [0, 0, 0], [2, 1, 8]), [2, 8]);
    expect(pooled).toBeAllClose(isMean ? tf.mean(norm, 1) : first, { rtol: 0, atol: 0 });
    classifier.dispose();
  });
});

describe('ViTClassifier', () => {
  it('knows the places of patches by their positions alone', () => {
    const config: ViTClassifierConfig = { ...tiny, imageSize: [2, 6], pool: 'mean' };
    const classifier = shake(createClassifier(config, { seed: 1 }));
    const x = normal<tf.Rank.R4>([1, 2, 6, 3], 4);
    const turned = tf.concat<tf.Tensor4D>([tf.slice(x, [0, 0, 4, 0]), tf.slice(x, [0, 0, 0, 0], [1, 2, 4, 3])], 2);
    expect(tf.max(tf.abs(tf.sub(classifier.logits(x), classifier.logits(turned)))).dataSync()[0]).toBeGreaterThan(1e-4);
    const positions = classifier.namedVariables().get('positions')!;
    positions.assign(tf.zerosLike(positions));
    expect(classifier.logits(turned)).toBeAllClose(classifier.logits(x), { rtol: 1e-3, atol: 1e-5 });
    classifier.dispose();
  });

  it('draws other weights from another seed, and the same from the same', () => {
    const weights = (seed: number): number[] => {
      const classifier = createClassifier(tiny, { seed });
      const values = [...classifier.namedVariables().get('patchEmbedding.weight')!.dataSync()];
      classifier.dispose();
      return values;
    };
    expect(weights(1)).toEqual(weights(1));
    expect(weights(2)).not.toEqual(weights(1));
  });

  it('tells all problems of a config at once', () => {
    const create = (): ViTClassifier =>
      new ViTClassifier({ ...tiny, pool: 'max' as never, classes: 1, depth: 0 }, randomKey(0));
    expect(create).toThrow(ConfigError);
    expect(create).toThrow(/pool is "max"/);
    expect(create).toThrow(/classes is 1: expected an integer from 2/);
    expect(create).toThrow(/depth is 0/);
  });

  it.each([
    [{ imageSize: 5 }, /imageSize is 5: expected a multiple of patchSize 2x2/],
    [{ dim: 9 }, /dim is 9: expected a multiple of numHeads 2/],
    [{ dim: 6, positions: 'sincos' }, /dim is 6: expected a multiple of 4, or positions 'learned'/],
    [{ classNames: ['cat'] }, /classNames is .*: expected 3 names, or none/],
    [{ pol: 'mean' }, /unknown option "pol" \(did you mean "pool"\?\)/],
  ])('refuses %o', (changes, message) => {
    expect(() => createClassifier({ ...tiny, ...(changes as object) }, { seed: 0 })).toThrow(message);
  });

  it('is built for a file no larger than the file can be', () => {
    const huge = { ...tiny, dim: 1024, mlpDim: 4096, depth: 1000, numHeads: 2 };
    const file = { file: 'model.safetensors', entries: [] };
    expect(() => skipInitialization((key) => new ViTClassifier(huge, key), file)).toThrow(ShapeError);
  });
});

testOptions({
  createClassifier: { create: (options) => createClassifier(tiny, options), option: 'seed' },
  'config of createClassifier': { create: (config) => createClassifier(config, { seed: 0 }), option: 'patchSize' },
});
