import * as tf from '@tensorflow/tfjs';
import { Module, randomInts, randomKey, ShapeError, type Encoder } from '@vitvq/core';
import { compile, doctor, useEngine } from '@vitvq/engine';
import { ViTDecoder, ViTEncoder } from '@vitvq/layers';
import {
  collectFeatures,
  compileFeatures,
  holdOut,
  hostBatches,
  pixelFeatures,
  probeBlocks,
} from '@vitvq/linear-probe';
import { ResidualQuantizer, VectorQuantizer } from '@vitvq/quantizers';
import '@vitvq/test-utils';
import { afterAll, describe, expect, it } from 'vitest';
import { createTokenizer, VQTokenizer } from '../src/index.js';
import { tinyConfig, tinyImages, tinyModel } from '@vitvq/test-models';

const { engines } = await doctor();
const hasOnnx = engines.some(({ name, available }) => name === 'onnx' && available);
afterAll(() => useEngine({ name: 'cpu' }));

const images = (count = 2): tf.Tensor4D => {
  const { data, shape } = tinyImages(count);
  return tf.tensor4d(data, [...shape]);
};

/** Of tokenizers that are put together here. */
const shared = { ...tinyConfig.encoder, key: randomKey(0), imageSize: 8, patchSize: 4 };
const vectorQuantizer = (): VectorQuantizer => new VectorQuantizer({ codebookSize: 8, codeDim: 4, key: randomKey(1) });

describe('features of a VQTokenizer', () => {
  it("are the encoder's, then what the quantizer sees and what the decoder gets", () => {
    const model = tinyModel({ pixelNormalization: { mean: 0.5, deviation: 0.25 } });
    const x = images();
    const features = model.features(x);
    expect(model.featureNames).toEqual([
      'encoder.embedding',
      'encoder.blocks.0',
      'encoder.norm',
      'latents',
      'quantized',
    ]);
    expect(Object.keys(features)).toEqual(model.featureNames);
    for (const [name, { shape }] of Object.entries(features)) {
      expect(shape, name).toEqual([2, 4, name.startsWith('encoder.') ? 16 : 4]);
    }
    const exactly = { rtol: 0, atol: 0 };
    const normalised = tf.div<tf.Tensor4D>(tf.sub(x, 0.5), 0.25);
    expect(features['encoder.norm']).toBeAllClose(model.encoder.encode(normalised), exactly);
    expect(features['latents']).toBeAllClose(model.latents(x), exactly);
    expect(model.decodeLatents(features['quantized']!)).toBeAllClose(model.forward(x).decoded, exactly);
    expect(features['quantized']).toBeAllClose(model.quantizer.decode(model.encode(x) as tf.Tensor2D), { atol: 1e-6 });
  });

  it('quantize with all residual levels', () => {
    const quantizer = new ResidualQuantizer({ quantizer: vectorQuantizer(), codeDepth: 2 });
    const parts = { encoder: new ViTEncoder(shared), decoder: new ViTDecoder(shared) };
    const model = new VQTokenizer({ ...parts, quantizer, key: randomKey(0) });
    const x = images();
    const { quantized } = model.features(x);
    expect(quantized).toBeAllClose(quantizer.decode(model.encode(x) as tf.Tensor3D), { atol: 1e-6 });
  });

  it('name the levels of a convolutional encoder', () => {
    const side = { baseChannels: 4, channelMultipliers: [1, 2], blocksPerResolution: 1 };
    const model = createTokenizer(
      {
        architecture: 'cnn',
        imageSize: 8,
        encoder: side,
        decoder: side,
        latentChannels: 6,
        numGroups: 2,
        quantizer: { kind: 'vector', codebookSize: 16, codeDim: 4 },
      },
      { seed: 0 },
    );
    const x = images();
    const features = model.features(x);
    expect(Object.entries(features).map(([name, { shape }]) => [name, ...shape])).toEqual([
      ['encoder.input', 2, 64, 4],
      ['encoder.levels.0', 2, 64, 4],
      ['encoder.levels.1', 2, 16, 8],
      ['encoder.middle', 2, 16, 8],
      ['encoder.output', 2, 16, 6],
      ['latents', 2, 16, 4],
      ['quantized', 2, 16, 4],
    ]);
    expect(features['latents']).toBeAllClose(model.latents(x), { rtol: 0, atol: 0 });
  });

  it('are latents and codes alone where the encoder does not let one look inside', () => {
    class Closed extends Module implements Encoder {
      readonly grid = [2, 2] as const;
      readonly dim = 48;
      encode(x: tf.Tensor4D): tf.Tensor3D {
        return tf.reshape(x, [x.shape[0], 4, this.dim]);
      }
    }
    const parts = { encoder: new Closed(), decoder: new ViTDecoder(shared) };
    const model = new VQTokenizer({ ...parts, quantizer: vectorQuantizer(), key: randomKey(0) });
    const features = model.features(images());
    expect(model.featureNames).toEqual(['latents', 'quantized']);
    expect(Object.keys(features)).toEqual(model.featureNames);
    expect(features['latents']).toBeAllClose(model.latents(images()), { rtol: 0, atol: 0 });
  });

  it('refuse images of another size', () => {
    expect(() => tinyModel().features(tf.zeros([1, 8, 12, 3]))).toThrow(ShapeError);
  });

  it.skipIf(!hasOnnx)('are the same compiled', async () => {
    const model = tinyModel();
    const x = images();
    const eager = model.features(x);
    await useEngine({ name: 'onnx', threads: 2 });
    const run = compile((batch: tf.Tensor4D) => model.features(batch), { variables: 'frozen' });
    const compiled = await run(x);
    expect(Object.keys(compiled)).toEqual(model.featureNames);
    for (const [name, feature] of Object.entries(compiled)) {
      expect(await feature.data(), name).toBeAllClose(await eager[name]!.data(), { rtol: 1e-4, atol: 1e-5 });
    }
    run.dispose();
    await useEngine({ name: 'cpu' });
  });
});

/**
 * Returns stripes that run down (class 0) or across (class 1), shifted at random, so that no single
 * pixel tells the class.
 */
function stripes(count: number, seed: number): ReturnType<typeof hostBatches> {
  const shifts = randomInts(randomKey(seed), count, 4);
  const labels = Int32Array.from(shifts, (_, sample) => sample % 2);
  const data = Float32Array.from({ length: count * 8 * 8 * 3 }, (_, index) => {
    const [sample, y, x] = [Math.floor(index / 192), Math.floor(index / 24) % 8, Math.floor(index / 3) % 8] as const;
    return Number(((labels[sample] ? y : x) + shifts[sample]!) % 4 < 2);
  });
  return hostBatches({ shape: [count, 8, 8, 3], data }, labels);
}

it('a linear probe sweeps the blocks of a frozen encoder, before and after quantization', async () => {
  const tokenizer = tinyModel({ encoder: { ...tinyConfig.encoder, depth: 2 } });
  const features = compileFeatures((batch: tf.Tensor4D) => ({ ...tokenizer.features(batch), ...pixelFeatures(batch) }));
  const { train, heldOut } = holdOut(await collectFeatures(features, stripes(160, 1)), {
    fraction: 0.25,
    key: randomKey(2),
  });
  const test = await collectFeatures(features, stripes(200, 3));
  const sweep = await probeBlocks(
    { train, validation: heldOut, test },
    { classes: 2, l2: [0.1, 0.01], tokenizerSawLabels: false },
  );
  expect(sweep.blocks.map(({ block }) => block)).toEqual([...tokenizer.featureNames, 'pixels']);
  const top1 = (name: string): number => sweep.blocks.find(({ block }) => block === name)!.test.top1;
  // Means over tokens of linear functions of the pixels do not tell the direction; the output of a
  // block does.
  for (const block of ['pixels', 'encoder.embedding']) expect(top1(block), block).toBeLessThan(0.65);
  for (const block of ['encoder.blocks.0', 'encoder.blocks.1', 'encoder.norm']) {
    expect(top1(block), block).toBeGreaterThan(0.95);
  }
  // Four numbers a token, and the nearest of sixteen codes: a part of it is left.
  for (const block of ['latents', 'quantized']) expect(top1(block), block).toBeGreaterThan(0.65);
  features.dispose();
  tokenizer.dispose();
});
