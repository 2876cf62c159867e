import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { ConfigError, randomKey, randomUniform, ShapeError } from '@vitvq/core';
import { vitDecoderReferenceWeights, vitEncoderReferenceWeights, ViTDecoder, ViTEncoder } from '@vitvq/layers';
import {
  GumbelQuantizer,
  ResidualQuantizer,
  VectorQuantizer,
  vectorQuantizerReferenceWeights,
} from '@vitvq/quantizers';
import { tinyConfig, tinyImages, tinyModel } from '@vitvq/test-models';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { createTokenizer, VQTokenizer, vitTokenizerReferenceWeights } from '../src/index.js';

const images = (count = 2, size?: [number, number]): tf.Tensor4D => {
  const { data, shape } = tinyImages(count, 0, size);
  return tf.tensor4d(data, [...shape]);
};

describe('VQTokenizer', () => {
  it('turns images into tokens and back', () => {
    const model = tinyModel();
    const x = images();
    const tokens = model.encode(x);
    expect(tokens.shape).toEqual([2, 4]);
    expect(tokens.dtype).toBe('int32');
    expect(model.latents(x).shape).toEqual([2, 4, 4]);
    expect(model.decode(tokens).shape).toEqual(x.shape);
    expect([model.vocabSize, ...model.grid]).toEqual([16, 2, 2]);
  });

  it('reconstructs what encoding and decoding give', () => {
    const model = tinyModel();
    const x = images();
    const { reconstruction, indices } = model.forward(x);
    expect(model.encode(x)).toBeAllClose(indices);
    expect(model.decode(indices, { clamp: false })).toBeAllClose(reconstruction, { rtol: 1e-4, atol: 1e-5 });
    expect(model.reconstruct(x)).toBeAllClose(tf.clipByValue(reconstruction, 0, 1), { rtol: 1e-4, atol: 1e-5 });
  });

  it('clamps what people look at and leaves what losses see alone', () => {
    const model = tinyModel();
    const { reconstruction, indices } = model.forward(images());
    expect(tf.min(reconstruction).dataSync()[0]).toBeLessThan(0);
    expect(tf.min(model.decode(indices)).dataSync()[0]).toBe(0);
  });

  it('handles images and patches that are not square', () => {
    const model = tinyModel({ imageSize: [8, 24], patchSize: [4, 6] });
    const x = images(3, [8, 24]);
    expect(model.grid).toEqual([2, 4]);
    expect(model.encode(x).shape).toEqual([3, 8]);
    expect(model.reconstruct(x).shape).toEqual([3, 8, 24, 3]);
  });

  it('lists its variables under stable names, matched one to one by the reference weights', () => {
    const names = [...tinyModel().namedVariables().keys()];
    expect(names).toContain('encoder.blocks.0.attention.qkv.weight');
    expect(names).toContain('preQuantization.weight');
    expect(names).toContain('quantizer.codebook');
    expect(names).toContain('postQuantization.bias');
    expect(names).toContain('decoder.pixels.weight');
    const options = { patchSize: 4, channels: 3, depth: 1 };
    const reference = vitTokenizerReferenceWeights({
      encoder: vitEncoderReferenceWeights(options),
      decoder: vitDecoderReferenceWeights(options),
      quantizer: vectorQuantizerReferenceWeights(),
    });
    expect(reference.map(({ name }) => name).sort()).toEqual(names.filter((name) => name !== 'quantizer.usage').sort());
    expect(reference.map(({ referenceName }) => referenceName)).toEqual(
      expect.arrayContaining([
        'pre_quant.weight',
        'post_quant.bias',
        'quantizer.embedding.weight',
        'decoder.to_pixel.1.bias',
      ]),
    );
  });

  it("starts the projections as PyTorch's nn.Linear", () => {
    const { preQuantization, postQuantization } = tinyModel({ quantizer: { codeDim: 9 } });
    for (const [layer, fanIn] of [
      [preQuantization, 16],
      [postQuantization, 9],
    ] as const) {
      const bound = 1 / Math.sqrt(fanIn);
      for (const variable of [layer.weight, layer.bias!]) {
        const largest = tf.max(tf.abs(variable)).dataSync()[0]!;
        expect(largest).toBeLessThanOrEqual(bound);
        expect(largest).toBeGreaterThan(bound / 2);
      }
    }
  });

  it('lets the gradient of a loss reach encoder, codebook and decoder', () => {
    const model = tinyModel();
    const x = images();
    const { grads } = tf.variableGrads(() => {
      const { reconstruction, quantizerLoss } = model.forward(x);
      return tf.add<tf.Scalar>(tf.mean(tf.square(tf.sub(reconstruction, x))), quantizerLoss);
    }, model.trainableVariables());
    for (const [name, variable] of model.namedTrainableVariables()) {
      const norm = tf.norm(grads[variable.name]!).dataSync()[0]!;
      expect(norm, name).toBeGreaterThan(0);
    }
  });

  it('predicts the mean and scale of logits for the logit-laplace loss', () => {
    const model = tinyModel({ output: 'logit-laplace' });
    const { reconstruction, logitLaplace } = model.forward(images());
    expect(logitLaplace!.mean.shape).toEqual([2, 8, 8, 3]);
    expect(logitLaplace!.logScale.shape).toEqual([2, 8, 8, 3]);
    expect(tf.min(reconstruction).dataSync()[0]).toBeGreaterThanOrEqual(0);
    expect(tf.max(reconstruction).dataSync()[0]).toBeLessThanOrEqual(1);
  });

  it('shows encoder and decoder normalised pixels, and callers pixels', () => {
    const x = images();
    const plain = tinyModel();
    const model = tinyModel({ pixelNormalization: { mean: 0.5, deviation: 0.25 } });
    const normalised = tf.div<tf.Tensor4D>(tf.sub(x, 0.5), 0.25);
    expect(model.latents(x)).toBeAllClose(plain.latents(normalised), { atol: 1e-5 });
    const { reconstruction, indices } = model.forward(x);
    expect(reconstruction).toBeAllClose(tf.add(tf.mul(plain.forward(normalised).reconstruction, 0.25), 0.5), {
      atol: 1e-5,
    });
    expect(model.decode(indices, { clamp: false })).toBeAllClose(reconstruction, { atol: 1e-5 });
    expect(() => tinyModel({ pixelNormalization: { mean: 0, deviation: 0 } })).toThrow(
      'pixelNormalization.deviation is 0',
    );
  });

  it('is a plain autoencoder where it is told not to quantize', () => {
    const model = tinyModel();
    const x = images();
    const { reconstruction, indices } = model.forward(x, { quantize: false });
    const z = model.latents(x);
    const direction = tf.div<tf.Tensor3D>(z, tf.norm(z, 2, -1, true));
    expect(reconstruction).toBeAllClose(model.decodeLatents(direction), { atol: 1e-5 });
    expect(indices).toBeAllClose(model.encode(x));
    const free = tinyModel({ quantizer: { normalize: false } });
    expect(free.forward(x, { quantize: false }).reconstruction).toBeAllClose(free.decodeLatents(free.latents(x)), {
      atol: 1e-5,
    });
    const bits = createTokenizer({ ...tinyConfig, quantizer: { kind: 'bsq', codeDim: 4 } }, { seed: 1 });
    const onSphere = bits.quantizer.bound(bits.latents(x));
    expect(tf.norm(onSphere, 2, -1)).toBeAllClose(tf.ones([x.shape[0], 4]));
    expect(bits.forward(x, { quantize: false }).reconstruction).toBeAllClose(bits.decodeLatents(onSphere), {
      atol: 1e-5,
    });
  });

  it('mixes codes with noise and temperature in training, at every level, and is the same every time in evaluation', () => {
    const shared = { ...tinyConfig.encoder, key: randomKey(0), imageSize: 8, patchSize: 4 };
    const gumbel = new GumbelQuantizer({ codebookSize: 8, codeDim: 4, key: randomKey(1) });
    const model = new VQTokenizer({
      encoder: new ViTEncoder(shared),
      decoder: new ViTDecoder(shared),
      quantizer: new ResidualQuantizer({ quantizer: gumbel, codeDepth: 2 }),
      key: randomKey(0),
    });
    const x = images();
    expect(model.noiseShape(2)).toEqual([2, 2, 4, 8]);
    const noise = tf.tensor(randomUniform(randomKey(2), 2 * 2 * 4 * 8), [2, 2, 4, 8]);
    const evaluated = model.forward(x);
    expect(evaluated.reconstruction).toBeAllClose(model.forward(x).reconstruction, { rtol: 0, atol: 0 });
    expect(evaluated.indices).toBeAllClose(model.encode(x));
    const mixed = (temperature: number): tf.Tensor =>
      model.forward(x, { training: true, noise, temperature: tf.scalar(temperature) }).reconstruction;
    const apart = (a: tf.Tensor, b: tf.Tensor): number => tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;
    expect(apart(mixed(1), evaluated.reconstruction)).toBeGreaterThan(1e-3);
    expect(apart(mixed(1), mixed(0.2))).toBeGreaterThan(1e-3);
    expect(() => model.forward(x, { training: true })).toThrow('expected noise [B, N, K] in training, got none');
  });

  it('keeps no tensor', () => {
    const model = tinyModel();
    const x = images();
    expectNoTensorLeak(() => {
      const tokens = model.encode(x);
      tf.dispose([tokens, model.decode(tokens), model.reconstruct(x), model.latents(x)]);
      tf.dispose(model.features(x));
      tf.dispose(model.forward(x, { training: true }));
    });
  });

  it('disposes of its parts', () => {
    tf.engine().startScope();
    const before = tf.memory().numTensors;
    tinyModel().dispose();
    expect(tf.memory().numTensors).toBe(before);
    tf.engine().endScope();
  });

  it('refuses a decoder of another grid', () => {
    const shared = { ...tinyConfig.encoder, key: randomKey(0), patchSize: 4 };
    const parts = {
      encoder: new ViTEncoder({ ...shared, imageSize: 8 }),
      decoder: new ViTDecoder({ ...shared, imageSize: 12 }),
      quantizer: new VectorQuantizer({ codebookSize: 8, codeDim: 4, key: randomKey(0) }),
      key: randomKey(0),
    };
    expect(() => new VQTokenizer(parts)).toThrow(ConfigError);
    expect(() => new VQTokenizer(parts)).toThrow(
      "VQTokenizer: expected a decoder with the encoder's grid of 2x2 tokens, got 3x3. Give both the same image and patch size.",
    );
  });

  it('refuses tokens of another grid', () => {
    const decode = (): unknown => tinyModel().decode(tf.zeros<tf.Rank.R2>([2, 5], 'int32'));
    expect(decode).toThrow(ShapeError);
    expect(decode).toThrow(
      'VQTokenizer.decode: expected shape [B, 4], got [2, 5]. This model has 2x2 tokens an image.',
    );
  });

  it('refuses a decoder with an odd number of channels for logit-laplace', () => {
    const shared = { ...tinyConfig.encoder, key: randomKey(0), imageSize: 8, patchSize: 4 };
    const model = new VQTokenizer({
      encoder: new ViTEncoder(shared),
      decoder: new ViTDecoder(shared),
      quantizer: new VectorQuantizer({ codebookSize: 8, codeDim: 4, key: randomKey(0) }),
      key: randomKey(0),
      output: 'logit-laplace',
    });
    expect(() => model.forward(images())).toThrow(/even number of channels.*got 3 channels\. Give the decoder twice/);
  });
});
