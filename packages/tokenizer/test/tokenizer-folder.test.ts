import '@tensorflow/tfjs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { openModel, snapshotVariables, writeModel } from '@vitvq/checkpoint';
import { ConfigError, DataError, ShapeError } from '@vitvq/core';
import '@vitvq/test-utils';
import { createTokenizer, type ViTTokenizerConfig } from '../src/index.js';
import { loadTokenizer, saveTokenizer } from '../src/node/tokenizer-folder.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tinyConfig, tinyImages } from '@vitvq/test-models';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq-model-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const images = (): tf.Tensor4D => {
  const { data, shape } = tinyImages(3);
  return tf.tensor4d(data, [...shape]);
};

describe('a folder of a tokenizer', () => {
  const { trackUsage: _, ...table } = tinyConfig.quantizer;
  const plain = { ...tinyConfig, quantizer: table };
  it.each<[string, ViTTokenizerConfig]>([
    [
      'a vector quantizer',
      { ...tinyConfig, quantizer: { ...table, normalize: false }, pixelNormalization: { mean: 0.5, deviation: 0.25 } },
    ],
    [
      'a residual quantizer',
      { ...plain, quantizer: { kind: 'residual', codeDepth: 3, codebooks: 'separate', quantizer: table } },
    ],
    [
      'a Gumbel quantizer, learned positions',
      { ...plain, positions: 'learned', quantizer: { ...table, kind: 'gumbel' } },
    ],
    ['logits and images that are not square', { ...plain, imageSize: [8, 8], output: 'logit-laplace' }],
  ])('gives back the tokenizer that was saved: %s', async (_name, config) => {
    const saved = createTokenizer(config, { seed: 5 });
    await saveTokenizer(folder, saved, config, { metadata: { 'trained-on': 'nothing' } });
    const loaded = await loadTokenizer(folder);
    expect([...loaded.namedVariables().keys()]).toEqual([...saved.namedVariables().keys()]);
    const tokens = saved.encode(images());
    expect(loaded.encode(images())).toBeAllClose(tokens, { rtol: 0, atol: 0 });
    expect(loaded.decode(tokens)).toBeAllClose(saved.decode(tokens), { rtol: 0, atol: 0 });

    const model = await openModel(folder);
    expect(model).toMatchObject({ type: 'vq-tokenizer', config, metadata: { 'trained-on': 'nothing' } });
    await model.close();
  });

  it('holds a tokenizer with convolutions too', async () => {
    const shape = { baseChannels: 4, channelMultipliers: [1, 2], attentionResolutions: [1], blocksPerResolution: 1 };
    const config = {
      architecture: 'cnn',
      imageSize: 8,
      encoder: shape,
      decoder: shape,
      latentChannels: 6,
      numGroups: 2,
      quantizer: table,
    } as const;
    const saved = createTokenizer(config, { seed: 5 });
    await saveTokenizer(folder, saved, config);
    const model = await openModel(folder);
    expect(model).toMatchObject({ type: 'vq-tokenizer', config });
    await model.close();
    const loaded = await loadTokenizer(folder);
    expect(loaded.reconstruct(images())).toBeAllClose(saved.reconstruct(images()), { rtol: 0, atol: 0 });
  });

  it('is not written with a config that is not the tokenizer’s, and everything that differs is named', async () => {
    const tokenizer = createTokenizer(tinyConfig, { seed: 0 });
    const other = {
      ...tinyConfig,
      imageSize: 16,
      quantizer: { ...table, codeDim: 5 },
      output: 'logit-laplace',
      decoder: { ...tinyConfig.decoder, depth: 2 },
    } as const;
    const writing = saveTokenizer(folder, tokenizer, other);
    await expect(writing).rejects.toThrow(ConfigError);
    for (const problem of [
      'saveTokenizer: expected a tokenizer of the config, got grid [2,2] instead of [4,4]; codeDim 4 instead of 5; output "pixels" instead of',
      'missing: decoder.blocks.1.',
      'unexpected: quantizer.usage',
      'quantizer.codebook [16, 4] instead of [16, 5]',
      'decoder.pixels.weight [16, 48] instead of [16, 96]',
    ]) {
      await expect(writing).rejects.toThrow(problem);
    }
    await expect(readFile(join(folder, 'config.json'))).rejects.toThrow('ENOENT');
  });

  it('is refused with all missing, unexpected and mis-shaped tensors named together, leaving no tensor', async () => {
    const tensors = new Map(await snapshotVariables(createTokenizer(tinyConfig, { seed: 0 }).namedVariables()));
    tensors.delete('preQuantization.bias');
    tensors.set('colour', { shape: [1], data: new Float32Array(1) });
    tensors.set('quantizer.codebook', { shape: [16, 5], data: new Float32Array(80) });
    await writeModel(folder, { type: 'vq-tokenizer', config: tinyConfig }, tensors);
    const before = tf.memory().numTensors;
    const loading = loadTokenizer(folder);
    await expect(loading).rejects.toThrow(ShapeError);
    await expect(loading).rejects.toThrow(
      /missing: preQuantization\.bias; unexpected: colour; different: quantizer\.codebook \[16, 5\] instead of \[16, 4\]/,
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is refused where its config is wrong, or it holds another kind of model', async () => {
    const tensors = new Map([['x', { shape: [1], data: new Float32Array(1) }]]);
    await writeModel(
      folder,
      { type: 'vq-tokenizer', config: { ...tinyConfig, quantizer: { ...table, codeDim: 0 }, colour: 'red' } },
      tensors,
    );
    await expect(loadTokenizer(folder)).rejects.toThrow(ConfigError);
    await expect(loadTokenizer(folder)).rejects.toThrow(
      /config\.json: .*2 problems: quantizer\.codeDim is 0.*"colour"/,
    );
    await writeModel(folder, { type: 'gpt', config: {} }, tensors);
    await expect(loadTokenizer(folder)).rejects.toThrow(DataError);
    await expect(loadTokenizer(folder)).rejects.toThrow(
      /config\.json: expected a tokenizer, of type vq-tokenizer, got "gpt"/,
    );
  });

  const wide = (side: 'encoder' | 'decoder', change: Partial<ViTTokenizerConfig['encoder']>): ViTTokenizerConfig => ({
    ...plain,
    [side]: { ...plain[side], ...change },
  });
  const convolutions = {
    architecture: 'cnn',
    imageSize: 8,
    encoder: { baseChannels: 4, channelMultipliers: [1, 2], blocksPerResolution: 1 },
    decoder: { baseChannels: 4, channelMultipliers: [1, 2], blocksPerResolution: 1 },
    latentChannels: 6,
    numGroups: 2,
    quantizer: table,
  };
  it.each<[string, unknown]>([
    ['wide encoder', wide('encoder', { dim: 20_000, headDim: 8, mlpDim: 20_000 })],
    ['wide decoder', wide('decoder', { dim: 4e8, headDim: 8 })],
    ['wide decoder, learned positions', { ...wide('decoder', { dim: 4e8 }), positions: 'learned' }],
    ['wide layers', wide('encoder', { mlpDim: 2 ** 30 })],
    ['wide heads', wide('encoder', { headDim: 2 ** 28 })],
    ['many blocks', wide('encoder', { depth: 20_000 })],
    ['very many blocks', wide('decoder', { depth: 2 ** 30 })],
    ['a large grid', { ...plain, imageSize: 2 ** 20, patchSize: 1 }],
    ['a large patch', { ...plain, imageSize: 2 ** 20, patchSize: 2 ** 20 }],
    ['many channels', { ...plain, channels: 2 ** 30 }],
    ['many codes', { ...plain, quantizer: { ...table, codebookSize: 2 ** 30 } }],
    ['wide codes', { ...plain, quantizer: { ...table, codeDim: 2 ** 30 } }],
    [
      'many blocks of a resolution',
      { ...convolutions, encoder: { ...convolutions.encoder, blocksPerResolution: 2 ** 30 } },
    ],
    ['wide convolutions', { ...convolutions, decoder: { ...convolutions.decoder, channelMultipliers: [1, 2 ** 28] } }],
    ['many channels between', { ...convolutions, latentChannels: 2 ** 30 }],
  ])('is refused before a model is built that it cannot hold: %s', async (_name, config) => {
    await writeModel(
      folder,
      { type: 'vq-tokenizer', config },
      new Map([['x', { shape: [1], data: new Float32Array(1) }]]),
    );
    const before = tf.memory();
    await expect(loadTokenizer(folder)).rejects.toThrow(ShapeError);
    await expect(loadTokenizer(folder)).rejects.toThrow(
      /model\.safetensors: expected the weights of the model that the config describes, got 1 elements in 1 tensors, far too few/,
    );
    expect(tf.memory()).toEqual(before);
  });

  it('is refused where its quantizer has levels without end, which no file bounds', async () => {
    const quantizer = { kind: 'residual', codeDepth: 1e9, quantizer: table } as const;
    await writeModel(folder, { type: 'vq-tokenizer', config: { ...plain, quantizer } }, new Map());
    await expect(loadTokenizer(folder)).rejects.toThrow(
      'quantizer.codeDepth is 1000000000: expected an integer from 2 to 256',
    );
  });
});
