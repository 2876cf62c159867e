import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomKey, randomUniform } from '@vitvq/core';
import { createTokenizer } from '@vitvq/tokenizer';
import { ClassConditioner, conditionTensor, nullConditions, type AutoregressiveModel } from '@vitvq/transformers';
import { createTransformer, tokenizerConfig } from '../src/config.js';
import { probedFeatures } from '../src/probe-stage.js';

const settings = { model: 'gpt', seed: 0, minutes: 15, smoke: true, precision: 'float32' } as const;
const conditioner = new ClassConditioner({ classCount: 3 });

beforeAll(async () => {
  await tf.setBackend('cpu');
  tf.engine().startScope();
});
afterAll(() => tf.engine().endScope());

describe('probedFeatures', () => {
  it('are what the tokenizer makes of images, and the GPT of their codes without a class', async () => {
    const tokenizer = createTokenizer(tokenizerConfig(settings), { seed: 0 });
    const [model, untrained] = [0, 1].map((seed): AutoregressiveModel => {
      const shape = { vocabSize: tokenizer.vocabSize, grid: tokenizer.grid, codeDepth: 1 };
      return createTransformer(shape, conditioner.vocabSize, { ...settings, seed });
    });
    const images = tf.tensor4d(randomUniform(randomKey(0), 3 * 16 * 16 * 3), [3, 16, 16, 3]);
    const tokens = tokenizer.encode(images) as tf.Tensor2D;
    const withClasses = model!.features(conditionTensor(conditioner, conditioner.encode([0, 1, 2])), tokens);
    const withoutClass = model!.features(nullConditions(conditioner, 3), tokens);
    const probed = probedFeatures({ tokenizer, model: model!, untrained: untrained!, conditioner })(images);

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
    const residual = { ...settings, model: 'rq' } as const;
    const tokenizer = createTokenizer(tokenizerConfig(residual), { seed: 0 });
    const { vocabSize, grid, quantizer } = tokenizer;
    const model = createTransformer(
      { vocabSize, grid, codeDepth: quantizer.codeDepth },
      conditioner.vocabSize,
      residual,
    );
    const images = tf.tensor4d(randomUniform(randomKey(0), 2 * 16 * 16 * 3), [2, 16, 16, 3]);
    const probed = probedFeatures({ tokenizer, model, untrained: model, conditioner })(images);
    const blocks = ['spatial.embedding', 'spatial.blocks.0', 'spatial.blocks.1', 'spatial.norm'];
    const ofTokenizer = ['encoder.blocks.0', 'latents', 'quantized'];
    const baselines = [...blocks.map((block) => `untrained ${block}`), 'pixels'];
    expect(Object.keys(probed)).toEqual([...ofTokenizer, ...blocks, ...baselines]);
    for (const block of blocks) expect(probed[block]!.shape).toEqual([2, 16, 16]);
  });
});
