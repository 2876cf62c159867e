import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { assertHasTokens, ConfigError, isContinuous, randomKey, randomUniform } from '@vitvq/core';
import { createTokenizerGradients } from '@vitvq/stage1-trainer';
import { tiny1DConfig, tinyConfig, tinyImages, tinyModel } from '@vitvq/test-models';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTokenizer } from '../src/index.js';
import { loadTokenizer, saveTokenizer } from '../src/node/index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-kl-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const config = { ...tinyConfig, quantizer: { kind: 'kl', latentDim: 3, weight: 0.01 } } as const;
const create = (seed = 1) => createTokenizer(config, { seed });
const images = (): tf.Tensor4D => tf.tensor4d(tinyImages(3).data, [3, 8, 8, 3]);
const exactly = { rtol: 0, atol: 0 };

describe('a tokenizer whose latents are no codes', () => {
  it('reconstructs images of the means of its latents', () => {
    const tokenizer = create();
    expect(tokenizer.preQuantization.namedVariables().get('weight')!.shape).toEqual([16, 6]);
    expect(tokenizer.noiseShape(3)).toEqual([3, 4, 4]);
    const { latents, reconstruction, divergence, quantizerLoss, indices } = tokenizer.forward(images());
    expect([latents.shape, indices]).toEqual([[3, 4, 6], undefined]);
    expect(quantizerLoss).toBeAllClose(tf.mul(divergence!, 0.01));
    const means = tf.slice(latents, [0, 0, 0], [-1, -1, 3]);
    const made = tokenizer.toImages(tokenizer.decodeLatents(means)).reconstruction;
    expect(reconstruction).toBeAllClose(made, exactly);
    expect(tokenizer.reconstruct(images())).toBeAllClose(tf.clipByValue(made, 0, 1), exactly);
    expect(tokenizer.forward(images(), { quantize: false }).reconstruction).toBeAllClose(made, exactly);
    expect(tokenizer.features(images())['quantized']).toBeAllClose(means, exactly);
    const batch = images();
    expectNoTensorLeak(() => tokenizer.reconstruct(batch).dispose());
    tokenizer.dispose();
  });

  it('draws them in training, of the noise that it is given', () => {
    const tokenizer = create();
    const noise = (seed: number): tf.Tensor => tf.tensor(randomUniform(randomKey(seed), 48), [3, 4, 4]);
    const loss = (seed: number): number =>
      tokenizer.forward(images(), { training: true, noise: noise(seed) }).decoded.dataSync()[0]!;
    expect(loss(1)).toBe(loss(1));
    expect(loss(1)).not.toBe(loss(2));
    expect(() => tokenizer.forward(images(), { training: true })).toThrow(/noise \[B, N, E'\]/);
    const values = tf.zeros<tf.Rank.R3>([3, 4, 3]);
    const latentNoise = { weights: tf.ones<tf.Rank.R3>([3, 4, 1]), values };
    const { decoded } = tokenizer.forward(images(), { training: true, noise: noise(1), latentNoise });
    expect(decoded).toBeAllClose(tokenizer.decodeLatents(values));
    tokenizer.dispose();
  });

  it('has a gradient for every variable that is trained', () => {
    const tokenizer = create();
    const { gradients, values } = createTokenizerGradients({ tokenizer })(images(), { noise: tf.fill([3, 4, 4], 0.3) });
    expect([...gradients.keys()]).toEqual([...tokenizer.namedTrainableVariables().keys()]);
    for (const [name, gradient] of gradients) {
      const largest = tf.max(tf.abs(gradient)).dataSync()[0]!;
      expect(Number.isFinite(largest) && largest > 0, name).toBe(true);
    }
    expect(values['quantizer']!).toBeAllClose(tf.mul(values['kl']!, 0.01));
    tokenizer.dispose();
  });

  it('is saved and loaded, also one of convolutions and one of latent tokens', async () => {
    const quantizer = config.quantizer;
    const { nestedLengths: _, ...oneDimensional } = tiny1DConfig;
    const shape = { baseChannels: 8, channelMultipliers: [1, 1], blocksPerResolution: 1 };
    const cnn = { encoder: shape, decoder: shape, latentChannels: 8, numGroups: 4 };
    const configs = [
      config,
      { ...oneDimensional, quantizer },
      { architecture: 'cnn', imageSize: 8, ...cnn, quantizer },
    ] as const;
    for (const each of configs) {
      const tokenizer = createTokenizer(each, { seed: 1 });
      const place = join(folder, each.architecture);
      await saveTokenizer(place, tokenizer, each);
      const loaded = await loadTokenizer(place);
      expect(loaded.isContinuous).toBe(true);
      expect(loaded.reconstruct(images())).toBeAllClose(tokenizer.reconstruct(images()), exactly);
      await expect(
        saveTokenizer(place, tokenizer, { ...each, quantizer: { kind: 'kl', latentDim: 4 } }),
      ).rejects.toThrow(/codeDim 3 instead of 4/);
      tokenizer.dispose();
      loaded.dispose();
    }
  });

  it('refuses what needs tokens, saying what has some', () => {
    const tokenizer = create();
    expect([isContinuous(tokenizer), isContinuous(tinyModel())]).toEqual([true, false]);
    const tokens = tf.zeros<tf.Rank.R2>([1, 4], 'int32');
    const noise = tf.fill([3, 4, 4], 0.3);
    const latentNoise = { weights: tf.ones<tf.Rank.R3>([3, 4, 1]), codes: tokens };
    for (const needs of [
      () => tokenizer.vocabSize,
      () => tokenizer.codeDepth,
      () => tokenizer.encode(images()),
      () => tokenizer.decode(tokens),
      () => tokenizer.forward(images(), { training: true, noise, latentNoise }),
      () => assertHasTokens(tokenizer, 'test'),
      () => createTokenizer({ ...tiny1DConfig, quantizer: config.quantizer }, { seed: 1 }),
    ]) {
      expect(needs).toThrow(ConfigError);
      expect(needs).toThrow(/expected a tokenizer of tokens.*such as \{ kind: vector \}/s);
    }
    expect(() => assertHasTokens(tinyModel(), 'test')).not.toThrow();
    expect(() => tokenizer.firstTokens(2)).toThrow(/nestedLengths/);
    tokenizer.dispose();
  });
});
