import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomKey, randomUniform } from '@vitvq/core';
import { createTokenizer } from '@vitvq/tokenizer';
import {
  ClassConditioner,
  conditionTensor,
  createTransformer,
  nullConditions,
  type AnyTokenModel,
} from '@vitvq/transformers';
import { probedFeatures } from '../src/probed-features.js';

const size = { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 };
const plain = { kind: 'vector', codebookSize: 32, codeDim: 8 } as const;
const config = { architecture: 'vit', imageSize: 16, patchSize: 4, encoder: size, decoder: size } as const;
const conditioner = new ClassConditioner({ classCount: 3 });

beforeAll(async () => {
  await tf.setBackend('cpu');
  tf.engine().startScope();
});
afterAll(() => tf.engine().endScope());

describe('probedFeatures', () => {
  it('are what the tokenizer makes of images, and the GPT of their codes without a class', async () => {
    const tokenizer = createTokenizer({ ...config, quantizer: plain }, { seed: 0 });
    const [model, untrained] = [0, 1].map((seed): AnyTokenModel => {
      const { vocabSize, grid } = tokenizer;
      const fit = { vocabSize, grid, conditionVocabSize: conditioner.vocabSize, key: randomKey(seed) };
      return createTransformer({ kind: 'gpt', dim: 16, depth: 2, numHeads: 2 }, fit);
    });
    const images = tf.tensor4d(randomUniform(randomKey(0), 3 * 16 * 16 * 3), [3, 16, 16, 3]);
    const tokens = tokenizer.encode(images) as tf.Tensor2D;
    const withClasses = model!.features(conditionTensor(conditioner, conditioner.encode([0, 1, 2])), tokens);
    const withoutClass = model!.features(nullConditions(conditioner, 3), tokens);
    const probed = probedFeatures({ tokenizer, model: model!, untrained: untrained!, conditioner }, 2)(images);

    expect(Object.keys(probed)).toEqual([
      'encoder.blocks.0',
      'latents',
      'quantized',
      'embedding',
      'blocks.0',
      'blocks.1',
      'norm',
      'untrained embedding',
      'untrained blocks.0',
      'untrained blocks.1',
      'untrained norm',
      'pixels',
    ]);
    for (const name of model!.featureNames) {
      expect(await probed[name]!.data()).toEqual(await withoutClass[name]!.data());
    }
    const ofTokenizer = tokenizer.features(images);
    for (const name of ['encoder.blocks.0', 'latents', 'quantized']) {
      expect(await probed[name]!.data()).toEqual(await ofTokenizer[name]!.data());
    }
    // With the class they would say it: that is what must not reach the probe.
    expect(await probed['norm']!.data()).not.toEqual(await withClasses['norm']!.data());
    expect(await probed['untrained norm']!.data()).not.toEqual(await probed['norm']!.data());
    expect(probed['pixels']!.shape).toEqual([3, 8 * 8 * 3]);
  });
  it('of an RQTransformer are those of its blocks over positions', () => {
    const residual = { kind: 'residual', codeDepth: 2, quantizer: plain } as const;
    const tokenizer = createTokenizer({ ...config, quantizer: residual }, { seed: 0 });
    const { vocabSize, grid, quantizer } = tokenizer;
    const stacks = { spatial: { depth: 2, numHeads: 2 }, depth: { depth: 1, numHeads: 2 } };
    const { codeDepth } = quantizer;
    const fit = { vocabSize, grid, codeDepth, conditionVocabSize: conditioner.vocabSize, key: randomKey(0) };
    const model = createTransformer({ kind: 'rq-transformer', dim: 16, ...stacks }, fit);
    const images = tf.tensor4d(randomUniform(randomKey(0), 2 * 16 * 16 * 3), [2, 16, 16, 3]);
    const probed = probedFeatures({ tokenizer, model, untrained: model, conditioner }, 2)(images);
    const blocks = ['spatial.embedding', 'spatial.blocks.0', 'spatial.blocks.1', 'spatial.norm'];
    const ofTokenizer = ['encoder.blocks.0', 'latents', 'quantized'];
    const baselines = [...blocks.map((block) => `untrained ${block}`), 'pixels'];
    expect(Object.keys(probed)).toEqual([...ofTokenizer, ...blocks, ...baselines]);
    for (const block of blocks) expect(probed[block]!.shape).toEqual([2, 16, 16]);
  });
});
