import '@tensorflow/tfjs';
import { ConfigError } from '@vitvq/core';
import {
  createViTVQ,
  QUICKSTART,
  VIT_VQGAN_BASE,
  VIT_VQGAN_LARGE,
  VIT_VQGAN_SMALL,
  type ViTVQConfig,
} from '../src/index.js';
import { describe, expect, it } from 'vitest';
import { tinyConfig, tinyModel } from './tiny.js';

describe('createViTVQ', () => {
  it('is a function of config and seed', () => {
    const weights = (seed: number): Float32Array =>
      tinyModel({}, seed).encoder.trainableVariables()[0]!.dataSync<'float32'>();
    expect(weights(3)).toEqual(weights(3));
    expect(weights(3)).not.toEqual(weights(4));
  });

  it('draws different weights for encoder and decoder', () => {
    const named = tinyModel().namedVariables();
    const name = 'blocks.0.attention.qkv.weight';
    expect(named.get(`encoder.${name}`)!.dataSync()).not.toEqual(named.get(`decoder.${name}`)!.dataSync());
  });

  it('names every problem at once, unknown options too', () => {
    const config = {
      ...tinyConfig,
      codeDim: 0,
      beta: -1,
      activation: 'sine',
      colour: 'red',
      encoder: { ...tinyConfig.encoder, heads: 2 },
    };
    const create = (): unknown => createViTVQ(config as unknown as ViTVQConfig, { seed: 0 });
    expect(create).toThrow(ConfigError);
    expect(create).toThrow(/createViTVQ: expected options that fit together, got 5 problems/);
    for (const problem of [
      'codeDim is 0',
      'beta is -1',
      'activation is "sine"',
      'unknown option "colour"',
      'unknown option "encoder.heads"',
    ]) {
      expect(create).toThrow(problem);
    }
  });

  it('leaves what only the parts can know to the parts', () => {
    expect(() => tinyModel({ imageSize: 9 })).toThrow(
      'ViTEncoder: expected imageSize to be a multiple of patchSize 4x4, got 9x9',
    );
  });
});

describe('presets', () => {
  it("are the rows of the paper's Table 2", () => {
    const row = ({ encoder, decoder }: ViTVQConfig): unknown =>
      [encoder, decoder].map(({ depth, numHeads, dim, mlpDim }) => [depth, numHeads, dim, mlpDim]);
    expect(row(VIT_VQGAN_SMALL)).toEqual([
      [8, 8, 512, 2048],
      [8, 8, 512, 2048],
    ]);
    expect(row(VIT_VQGAN_BASE)).toEqual([
      [12, 12, 768, 3072],
      [12, 12, 768, 3072],
    ]);
    expect(row(VIT_VQGAN_LARGE)).toEqual([
      [8, 8, 512, 2048],
      [32, 16, 1280, 5120],
    ]);
  });

  it('build: 1,024 tokens of 8,192 codes, 50.9 million weights for Small', () => {
    const model = createViTVQ(VIT_VQGAN_SMALL, { seed: 0 });
    expect(model.grid).toEqual([32, 32]);
    expect(model.vocabSize).toBe(8192);
    expect(model.parameterCount() / 1e6).toBeCloseTo(50.9, 1);
    model.dispose();
  });

  it('build: 64 tokens of 512 codes for the quickstart', () => {
    const model = createViTVQ(QUICKSTART, { seed: 0 });
    expect(model.grid).toEqual([8, 8]);
    expect(model.vocabSize).toBe(512);
    model.dispose();
  });
});
