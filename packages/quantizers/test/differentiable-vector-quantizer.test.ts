import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, randomNormal, randomUniform, ShapeError } from '@vitvq/core';
import { DifferentiableVectorQuantizer, type DifferentiableVectorQuantizerOptions } from '../src/index.js';
import { normalNoise } from '../src/internal/normal-noise.js';
import { describe, expect, it } from 'vitest';

function create(options: Partial<DifferentiableVectorQuantizerOptions> = {}): DifferentiableVectorQuantizer {
  return new DifferentiableVectorQuantizer({ codebookSize: 4, codeDim: 3, key: randomKey(1), ...options });
}

const features = (tokens: number, seed = 2): tf.Tensor3D =>
  tf.tensor3d(randomNormal(randomKey(seed), 3 * tokens), [1, tokens, 3]);
const uniform = (tokens: number, seed = 3): tf.Tensor3D =>
  tf.tensor3d(randomUniform(randomKey(seed), 4 * tokens), [1, tokens, 4]);

describe('DifferentiableVectorQuantizer', () => {
  it('moves features as far as their codes are, about there', () => {
    const quantizer = create({ noiseDeviation: 0.05 });
    expect(quantizer.noiseShape(1, 6)).toEqual([1, 6, 4]);
    const z = features(6);
    const { quantized, indices, loss } = quantizer.quantize(z, { training: true, noise: uniform(6) });
    const codes = quantizer.decode(indices);
    const distance = tf.norm(tf.sub(codes, z), 2, 2);
    expect(tf.norm(tf.sub(quantized, z), 2, 2)).toBeAllClose(distance, { rtol: 1e-5, atol: 0 });
    const missed = tf.norm(tf.sub(quantized, codes), 2, 2).dataSync();
    for (const length of missed) {
      expect(length).toBeGreaterThan(1e-4);
      expect(length).toBeLessThan(0.3);
    }
    expect(loss.dataSync()).toEqual(Float32Array.of(0));
    const exact = quantizer.quantize(z);
    expect(exact.indices).toBeAllClose(indices, { rtol: 0, atol: 0 });
    expect(exact.quantized).toBeAllClose(codes);
    quantizer.dispose();
  });

  it('has the gradient of the distance, to features and codes', () => {
    // In one dimension there is one direction: z + |c - z| s with s = 1 for a code above z.
    const quantizer = create({ codeDim: 1, codebookSize: 2 });
    quantizer.codebook.weights.assign(tf.tensor2d([0, 10], [2, 1]));
    const { grads } = tf
      .engine()
      .gradients(
        () => tf.sum(quantizer.quantize(tf.tensor3d([1, 2, 8], [1, 3, 1])).quantized),
        [quantizer.codebook.weights],
      );
    expect(grads[0]!).toBeAllClose([[2], [1]]);
    // What moves a feature moves the code that it is replaced by not at all.
    const towards = tf.grad((x: tf.Tensor) => tf.sum(quantizer.quantize(x as tf.Tensor3D).quantized));
    expect(towards(tf.tensor3d([1, 2, 8], [1, 3, 1]))).toBeAllClose([[[0], [0], [0]]]);
    quantizer.dispose();
  });

  it('has the gradients of finite differences where the direction is a constant', () => {
    const quantizer = create({ noiseDeviation: 1e6 });
    expectGradientsMatchFiniteDifferences(
      (z) => quantizer.quantize(z as tf.Tensor3D, { training: true, noise: uniform(4) }).quantized,
      [features(4)],
      { variables: quantizer.namedTrainableVariables(), step: 0.005, rtol: 3e-3 },
    );
    quantizer.dispose();
  });

  it('stays finite for a feature that is its code', () => {
    const quantizer = create();
    const z = tf.expandDims<tf.Tensor3D>(quantizer.codebook.rows(), 0);
    for (const noise of [undefined, uniform(4)]) {
      const gradient = tf.grad((x: tf.Tensor) => tf.sum(quantizer.quantize(x as tf.Tensor3D, { noise }).quantized))(z);
      expect(gradient).toBeAllClose(tf.onesLike(z));
      expect(quantizer.quantize(z, { noise }).quantized).toBeAllClose(z);
    }
    quantizer.dispose();
  });

  it('makes noise of mean 0 and deviation 1 whose channels are independent', () => {
    const rows = 4000;
    const values = normalNoise(tf.tensor2d(randomUniform(randomKey(5), 4 * rows), [rows, 4]), 3);
    const products = tf.div(tf.matMul(values, values, true), rows);
    // Standard deviations are 0.016 and 0.022.
    expect(tf.mean(values, 0)).toBeAllClose([0, 0, 0], { rtol: 0, atol: 0.06 });
    expect(products).toBeAllClose(tf.eye(3), { rtol: 0, atol: 0.09 });
    expect(normalNoise(tf.tensor2d([0, 0], [1, 2]), 1)).toBeAllClose([[0]]);
  });

  it('refuses training without noise, wrong shapes and options out of range', () => {
    const quantizer = create();
    const training = (): unknown => quantizer.quantize(features(2), { training: true });
    expect(training).toThrow(ConfigError);
    expect(training).toThrow(
      "DifferentiableVectorQuantizer.quantize: expected noise [B, N, E'] (E' even) in training, got none. " +
        'Pass noise: uniform numbers in [0, 1) of the shape that noiseShape(batch, tokens) returns.',
    );
    expect(() => quantizer.quantize(features(2), { noise: tf.zeros([1, 2, 3]) })).toThrow(ShapeError);
    expect(() => create({ noiseDeviation: -1 })).toThrow('noiseDeviation');
    expect(() => create({ codebookSize: 0 })).toThrow('codebookSize');
    expect(() => create({ codeDim: 0.5 })).toThrow('codeDim');
    quantizer.dispose();
  });
});
