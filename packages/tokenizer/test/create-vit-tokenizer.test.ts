import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, randomUniform } from '@vitvq/core';
import { GumbelQuantizer, ResidualQuantizer, VectorQuantizer, type QuantizerConfig } from '@vitvq/quantizers';
import '@vitvq/test-utils';
import {
  createTokenizerGradients,
  QUICKSTART_TRAINING,
  SINGLE_MACHINE_TRAINING,
  VIT_VQGAN_TRAINING,
  tokenizerTrainingSchema,
} from '@vitvq/stage1-trainer';
import {
  createTokenizer,
  QUICKSTART,
  SINGLE_MACHINE,
  VIT_VQGAN_BASE,
  VIT_VQGAN_LARGE,
  VIT_VQGAN_SMALL,
  type VQTokenizer,
  type ViTTokenizerConfig,
} from '../src/index.js';
import { describe, expect, it } from 'vitest';
import { tinyConfig, tinyImages, tinyModel } from '@vitvq/test-models';

describe('createTokenizer', () => {
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
      quantizer: { ...tinyConfig.quantizer, codeDim: 0, beta: -1 },
      activation: 'sine',
      colour: 'red',
      encoder: { ...tinyConfig.encoder, heads: 2 },
    };
    const create = (): unknown => createTokenizer(config as unknown as ViTTokenizerConfig, { seed: 0 });
    expect(create).toThrow(ConfigError);
    expect(create).toThrow(/createTokenizer: expected options that fit together, got 5 problems/);
    for (const problem of [
      'quantizer.codeDim is 0',
      'quantizer.beta is -1',
      'activation is "sine"',
      'unknown option "colour"',
      'unknown option "encoder.heads"',
    ]) {
      expect(create).toThrow(problem);
    }
  });

  it('names what does not fit together beside what is wrong on its own, the seed too', () => {
    const { encoder, decoder } = tinyConfig;
    const config = {
      ...tinyConfig,
      imageSize: [8, 9] as const,
      quantizer: { ...tinyConfig.quantizer, codeDim: 0 },
      encoder: { ...encoder, numHeads: 3 },
      decoder: { ...decoder, dim: 6 },
    };
    const create = (): unknown => createTokenizer(config, { seed: 0.5 });
    expect(create).toThrow(/got 5 problems/);
    for (const problem of [
      'imageSize is [8,9]: expected a multiple of patchSize 4x4',
      'quantizer.codeDim is 0: expected an integer of at least 1',
      'encoder.dim is 16: expected a multiple of numHeads 3',
      "decoder.dim is 6: expected a multiple of 4, or positions 'learned'",
      'seed is 0.5: expected an integer of at least 0',
    ]) {
      expect(create).toThrow(problem);
    }
    expect(() => tinyModel({ positions: 'learned', decoder: { ...decoder, dim: 6 } })).not.toThrow();
  });

  const table = { codebookSize: 16, codeDim: 4 };
  const create = (quantizer: QuantizerConfig): VQTokenizer => {
    const config = { ...tinyConfig, quantizer };
    return createTokenizer(JSON.parse(JSON.stringify(config)) as ViTTokenizerConfig, { seed: 0 });
  };

  it('builds the quantizer that the config names, which JSON holds', () => {
    const { data, shape } = tinyImages(2);
    const images = tf.tensor4d(data, [...shape]);

    const vector = create({ kind: 'vector', ...table, beta: 0.5 });
    expect(vector.quantizer).toBeInstanceOf(VectorQuantizer);
    expect(vector.quantizer).toMatchObject({ beta: 0.5, codebookSize: 16, codeDim: 4 });
    expect(vector.namedVariables().get('quantizer.codebook')!).toBeAllClose(
      tinyModel({}, 0).quantizer.codebook.weights,
      { rtol: 0, atol: 0 },
    );

    const steps = { kind: 'vector', ...table, normalize: false } as const;
    const shared = create({ kind: 'residual', codeDepth: 3, quantizer: steps });
    expect(shared.quantizer).toBeInstanceOf(ResidualQuantizer);
    expect(shared.encode(images).shape).toEqual([2, 4, 3]);
    expect([...shared.namedVariables().keys()].filter((name) => name.startsWith('quantizer'))).toEqual([
      'quantizer.quantizer.codebook',
    ]);
    const separate = create({ kind: 'residual', codeDepth: 3, codebooks: 'separate', quantizer: steps });
    const codebooks = [0, 1, 2].map((step) =>
      separate.namedVariables().get(`quantizer.quantizers.${step}.codebook`)!.dataSync(),
    );
    expect(codebooks[0]).not.toEqual(codebooks[1]);
    expect(codebooks[1]).not.toEqual(codebooks[2]);

    const gumbel = create({ kind: 'gumbel', ...table, temperature: 0.5 });
    expect(gumbel.quantizer).toBeInstanceOf(GumbelQuantizer);
    expect(gumbel.quantizer).toMatchObject({ temperature: 0.5 });
    const noise = tf.tensor(randomUniform(randomKey(0), 2 * 4 * 16), [...gumbel.noiseShape(2)!]);
    expect(gumbel.forward(images, { training: true, noise }).reconstruction.shape).toEqual([2, 8, 8, 3]);
  });

  it('names what is wrong with a quantizer beside the rest', () => {
    const creating = (quantizer: unknown) => (): unknown => create(quantizer as QuantizerConfig);
    const steps = { kind: 'vector', codebookSize: 1, codeDim: 4 };
    expect(creating({ kind: 'residual', codeDepth: 1, colour: 'red', quantizer: steps })).toThrow(
      /3 problems: quantizer\.codeDepth is 1: expected an integer from 2 to 256; quantizer\.quantizer\.codebookSize is 1.*unknown option "quantizer\.colour"/,
    );
    expect(creating({ kind: 'vector', codebookSize: 2 ** 32 + 1, codeDim: 4 })).toThrow(
      'quantizer.codebookSize is 4294967297: expected an integer of at most 2147483647',
    );
    expect(creating({ kind: 'gumbel', ...table, temperature: 0 })).toThrow('quantizer.temperature is 0');
    expect(creating({ kind: 'imaginary' })).toThrow(/quantizer\.kind is "imaginary".*'vector' \| 'ema' \| 'gumbel'/);
    expect(creating({ kind: 'gumbel', ...table, beta: 0.25 })).toThrow('unknown option "quantizer.beta"');
  });

  it('recomputes activations where it is told to, with the same gradients', () => {
    const { data, shape } = tinyImages(2);
    const images = tf.tensor4d(data, [...shape]);
    const [plain, recomputed] = [false, true].map((recompute) =>
      createTokenizerGradients({ tokenizer: tinyModel({ recompute }) })(images),
    );
    for (const [name, gradient] of plain!.gradients) {
      expect(recomputed!.gradients.get(name)!, name).toBeAllClose(gradient, { rtol: 1e-4, atol: 1e-7 });
    }
  });
});

describe('presets', () => {
  it("are the rows of the paper's Table 2", () => {
    const row = ({ encoder, decoder }: ViTTokenizerConfig): unknown =>
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
    const model = createTokenizer(VIT_VQGAN_SMALL, { seed: 0 });
    expect(model.grid).toEqual([32, 32]);
    expect(model.vocabSize).toBe(8192);
    expect(model.parameterCount() / 1e6).toBeCloseTo(50.9, 1);
    model.dispose();
  });

  it('build: 256 tokens of 2,048 codes for one machine', () => {
    const model = createTokenizer(SINGLE_MACHINE, { seed: 0 });
    expect(model.grid).toEqual([16, 16]);
    expect(model.vocabSize).toBe(2048);
    expect(model.parameterCount() / 1e6).toBeCloseTo(9.7, 0);
    model.dispose();
  });

  it('are configs that a trainer takes', () => {
    for (const config of [VIT_VQGAN_TRAINING, SINGLE_MACHINE_TRAINING, QUICKSTART_TRAINING]) {
      expect(tokenizerTrainingSchema.parse(config)).toMatchObject(config);
    }
    expect(VIT_VQGAN_TRAINING.losses).toEqual({
      l1: 0,
      l2: 1,
      logitLaplace: 0.1,
      quantizer: 1,
      perceptual: 0.1,
      adversarial: 0.1,
    });
  });

  it('build: 64 tokens of 512 codes for the quickstart', () => {
    const model = createTokenizer(QUICKSTART, { seed: 0 });
    expect(model.grid).toEqual([8, 8]);
    expect(model.vocabSize).toBe(512);
    model.dispose();
  });
});
