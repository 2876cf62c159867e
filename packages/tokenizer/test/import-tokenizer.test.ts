import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { snapshotVariables } from '@vitvq/checkpoint';
import { ConfigError, DataError, randomKey, randomUniform, ShapeError, type HostTensor } from '@vitvq/core';
import { sinCosPositions2D, vitDecoderReferenceWeights, vitEncoderReferenceWeights } from '@vitvq/layers';
import { vectorQuantizerReferenceWeights } from '@vitvq/quantizers';
import '@vitvq/test-utils';
import {
  createTokenizer,
  inferTokenizerConfig,
  vitTokenizerReferenceWeights,
  type CheckpointTensors,
  type VQTokenizer,
  type ViTTokenizerConfig,
} from '../src/index.js';
import { importTokenizer } from '../src/node/import-tokenizer.js';
import { describe, expect, it } from 'vitest';

const size = { dim: 16, depth: 2, numHeads: 2, mlpDim: 24 };
const config = {
  architecture: 'vit',
  imageSize: [8, 16],
  patchSize: 4,
  encoder: size,
  decoder: { ...size, dim: 12, depth: 1, headDim: 64, numHeads: 3 },
  quantizer: { kind: 'vector', codebookSize: 16, codeDim: 4 },
} as const satisfies ViTTokenizerConfig;

/**
 * Returns a checkpoint with the names and layouts of the PyTorch reference, with positions and a
 * discriminator.
 */
async function referenceCheckpoint(
  model: VQTokenizer,
  { positions = 'sincos' }: ViTTokenizerConfig,
): Promise<Map<string, HostTensor>> {
  const values = await snapshotVariables(model.namedVariables());
  const shared = { patchSize: 4, positions };
  const table = vitTokenizerReferenceWeights({
    encoder: vitEncoderReferenceWeights({ ...shared, depth: 2 }),
    decoder: vitDecoderReferenceWeights({ ...shared, depth: 1 }),
    quantizer: vectorQuantizerReferenceWeights(),
  });
  const tensors = new Map<string, HostTensor>();
  for (const [name, dim] of [
    ['encoder.en_pos_embedding', 16],
    ['decoder.de_pos_embedding', 12],
  ] as const) {
    tensors.set(name, { shape: [1, 8, dim], data: sinCosPositions2D(dim, [2, 4]).data });
  }
  for (const { name, referenceName, toReference } of table) tensors.set(referenceName, toReference(values.get(name)!));
  for (const name of ['loss.discriminator.convs.0.weight', 'model_ema.decay']) {
    tensors.set(name, { shape: [1], data: new Float32Array(1) });
  }
  return tensors;
}

function open(tensors: ReadonlyMap<string, HostTensor>): CheckpointTensors {
  return {
    file: 'model.ckpt',
    entries: [...tensors].map(([name, { shape }]) => ({ name, shape })),
    read: ({ name }) => Promise.resolve(tensors.get(name)!),
  };
}

const images = tf.tensor4d(randomUniform(randomKey(1), 2 * 8 * 16 * 3), [2, 8, 16, 3]);
const hints = { encoderHeads: 2 };

describe('importTokenizer', () => {
  it.each([['vector'], ['gumbel'], ['residual']] as const)(
    'gives back what the reference has stored, its images not square: %s',
    async (kind) => {
      const hint = kind === 'residual' ? { kind, codeDepth: 2 } : { kind };
      const table = config.quantizer;
      const quantizer = hint.kind === 'residual' ? { ...hint, quantizer: table } : { ...table, ...hint };
      const model = createTokenizer({ ...config, quantizer }, { seed: 3 });
      // The reference names the codebook alike for every quantizer.
      const stored = createTokenizer(config, { seed: 3 });
      const codebook = model.namedVariables().get(`quantizer.${kind === 'residual' ? 'quantizer.' : ''}codebook`)!;
      stored.quantizer.codebook.weights.assign(codebook as tf.Variable<tf.Rank.R2>);
      const tensors = await referenceCheckpoint(stored, config);
      const imported = await importTokenizer(open(tensors), { hints: { ...hints, quantizer: hint } });
      expect(imported.kind).toBe('enhancing-transformers');
      expect(imported.config).toEqual({ ...config, quantizer });
      expect(imported.tokenizer.encode(images)).toBeAllClose(model.encode(images), { rtol: 0, atol: 0 });
      expect(imported.tokenizer.reconstruct(images)).toBeAllClose(model.reconstruct(images), { rtol: 0, atol: 0 });
    },
  );

  it('takes positions for learned where they are not the fixed ones and the image size is told', async () => {
    const learned = { ...config, positions: 'learned' } as const;
    const model = createTokenizer(learned, { seed: 3 });
    const tensors = await referenceCheckpoint(model, learned);
    await expect(importTokenizer(open(tensors), { hints })).rejects.toThrow(
      'model.ckpt: expected to learn the image size, from a table of positions that is the fixed one, got shapes that do ' +
        'not tell. Pass hints: { imageSize }, or the whole config.',
    );
    const imported = await importTokenizer(open(tensors), { hints: { ...hints, imageSize: [8, 16] } });
    expect(imported.config).toEqual(learned);
    expect(imported.tokenizer.encode(images)).toBeAllClose(model.encode(images), { rtol: 0, atol: 0 });
    const importing = importTokenizer(open(tensors), { config });
    await expect(importing).rejects.toThrow(DataError);
    await expect(importing).rejects.toThrow('encoder.en_pos_embedding to hold the fixed positions of 2x4 tokens');
  });

  it('finds the tokenizer within another model, by the prefix of its names', async () => {
    const model = createTokenizer(config, { seed: 3 });
    const tensors = await referenceCheckpoint(model, config);
    const whole = new Map([...tensors].map(([name, tensor]) => [`stage1_model.${name}`, tensor]));
    whole.set('transformer.wte.weight', { shape: [1], data: new Float32Array(1) });
    await expect(importTokenizer(open(whole), { hints })).rejects.toThrow('pass the prefix of the tokenizer');
    const { tokenizer } = await importTokenizer(open(whole), { hints, prefix: 'stage1_model.' });
    expect(tokenizer.encode(images)).toBeAllClose(model.encode(images), { rtol: 0, atol: 0 });
  });

  it('asks for what shapes do not tell: how many heads there are, unless they have 64 dimensions', async () => {
    const tensors = await referenceCheckpoint(createTokenizer(config, { seed: 0 }), config);
    const importing = importTokenizer(open(tensors));
    await expect(importing).rejects.toThrow(ConfigError);
    await expect(importing).rejects.toThrow(
      "model.ckpt: expected to learn how many heads share the 16 dimensions of the encoder's attention, got shapes that " +
        'do not tell. Pass hints: { encoderHeads }, or the whole config.',
    );
    await expect(inferTokenizerConfig(open(tensors), { encoderHeads: 3 })).rejects.toThrow('which 3 does not divide');
    expect((await inferTokenizerConfig(open(tensors), hints)).config).toMatchObject({
      decoder: { dim: 12, numHeads: 3, headDim: 64 },
    });
  });

  it('names all missing, unexpected and mis-shaped tensors together, leaving no tensor', async () => {
    const tensors = await referenceCheckpoint(createTokenizer(config, { seed: 0 }), config);
    tensors.delete('pre_quant.bias');
    tensors.set('colour', { shape: [1], data: new Float32Array(1) });
    tensors.set('post_quant.weight', { shape: [12, 5], data: new Float32Array(60) });
    const before = tf.memory().numTensors;
    const importing = importTokenizer(open(tensors), { hints });
    await expect(importing).rejects.toThrow(ShapeError);
    await expect(importing).rejects.toThrow(
      'missing: pre_quant.bias; unexpected: colour; wrong shape: post_quant.weight [12, 5] instead of [12, 4]',
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses tensors without elements', async () => {
    const tensors = await referenceCheckpoint(createTokenizer(config, { seed: 0 }), config);
    tensors.set('quantizer.embedding.weight', { shape: [2 ** 50, 0], data: new Float32Array(0) });
    tensors.set('loss.lpips.none', { shape: [0], data: new Float32Array(0) });
    await expect(inferTokenizerConfig(open(tensors), hints)).rejects.toThrow(DataError);
    await expect(inferTokenizerConfig(open(tensors), hints)).rejects.toThrow(
      'model.ckpt: expected tensors with elements, got quantizer.embedding.weight [1125899906842624, 0].',
    );
  });

  it('learns that a long table holds other positions without computing those of every grid', async () => {
    const tensors = await referenceCheckpoint(createTokenizer(config, { seed: 0 }), config);
    // A number with 360 divisors: to compute the positions of all grids took most of a minute.
    const tokens = 3_603_600;
    const zeros = new Float32Array(tokens * 4);
    for (const name of ['encoder.en_pos_embedding', 'decoder.de_pos_embedding']) {
      tensors.set(name, { shape: [1, tokens, 4], data: zeros });
    }
    await expect(inferTokenizerConfig(open(tensors), hints)).rejects.toThrow('Pass hints: { imageSize }');
    // As of one row of tokens, but for the last.
    const { data } = sinCosPositions2D(4, [1, 60]);
    data[data.length - 1] = 0.5;
    for (const name of ['encoder.en_pos_embedding', 'decoder.de_pos_embedding']) {
      tensors.set(name, { shape: [1, 60, 4], data });
    }
    await expect(inferTokenizerConfig(open(tensors), hints)).rejects.toThrow('Pass hints: { imageSize }');
  });

  it('refuses a config before a model is built that the checkpoint cannot hold', async () => {
    const tensors = await referenceCheckpoint(createTokenizer(config, { seed: 0 }), config);
    const before = tf.memory();
    const importing = importTokenizer(open(tensors), {
      config: { ...config, quantizer: { ...config.quantizer, codebookSize: 2 ** 30 } },
    });
    await expect(importing).rejects.toThrow(ShapeError);
    await expect(importing).rejects.toThrow(/model\.ckpt: expected the weights of the model that the config describes/);
    expect(tf.memory()).toEqual(before);
  });

  it('refuses what it does not know, and a config that is of something else', async () => {
    const tensor = { shape: [1], data: new Float32Array(1) };
    const foreign = open(new Map([['transformer.wte.weight', tensor]]));
    await expect(importTokenizer(foreign)).rejects.toThrow(DataError);
    await expect(importTokenizer(foreign)).rejects.toThrow(
      'model.ckpt: expected a tokenizer of enhancing-transformers, taming-transformers, llama-gen, got tensors such as ' +
        'transformer.wte.weight.',
    );
    const gumbel = ['encoder.down.0.block.0.norm1.weight', 'quantize.proj.weight'].map(
      (name) => [name, tensor] as const,
    );
    await expect(importTokenizer(open(new Map(gumbel)))).rejects.toThrow('GumbelQuantize');
    const tensors = await referenceCheckpoint(createTokenizer(config, { seed: 0 }), config);
    await expect(
      importTokenizer(open(tensors), { config: { ...config, architecture: 'cnn' } as never }),
    ).rejects.toThrow('expected a config of enhancing-transformers, with architecture \'vit\', got "cnn"');
    const separate = {
      ...config,
      quantizer: { kind: 'residual', codeDepth: 2, codebooks: 'separate', quantizer: config.quantizer },
    } as const;
    await expect(importTokenizer(open(tensors), { config: separate })).rejects.toThrow(
      'expected a quantizer that the reference has, got {"kind":"residual"',
    );
  });
});
