import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, randomNormal, randomUniform, ShapeError } from '@vitvq/core';
import {
  gumbelNoise,
  GumbelQuantizer,
  gumbelQuantizerReferenceWeights,
  type GumbelQuantizerOptions,
} from '../src/index.js';
import { describe, expect, it } from 'vitest';

function create(options: Partial<GumbelQuantizerOptions> = {}): GumbelQuantizer {
  return new GumbelQuantizer({ codebookSize: 4, codeDim: 2, key: randomKey(1), noise: 'gumbel', ...options });
}

function normal(shape: [number, number, number], seed: number): tf.Tensor3D {
  return tf.tensor3d(randomNormal(randomKey(seed), shape[0] * shape[1] * shape[2]), shape);
}

function noiseOf(shape: [number, number, number], seed: number): tf.Tensor3D {
  return gumbelNoise(tf.tensor3d(randomUniform(randomKey(seed), shape[0] * shape[1] * shape[2]), shape));
}

/** Two codes, at 0 and 1 of a line. */
function withTwoCodes(options: Partial<GumbelQuantizerOptions> = {}): GumbelQuantizer {
  const quantizer = create({ codebookSize: 2, codeDim: 1, normalize: false, ...options });
  quantizer.codebook.weights.assign(tf.tensor2d([0, 1], [2, 1]));
  return quantizer;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

describe('GumbelQuantizer', () => {
  it('picks the nearest code in evaluation', () => {
    const quantizer = withTwoCodes();
    const { quantized, indices } = quantizer.quantize(tf.tensor3d([0.4, 0.6, -3], [1, 3, 1]));
    expect([...indices.dataSync()]).toEqual([0, 1, 0]);
    expect(quantized).toBeAllClose([[[0], [1], [0]]]);
    quantizer.dispose();
  });

  it('lets noise that the caller passes decide in evaluation', () => {
    const quantizer = withTwoCodes();
    const z = tf.tensor3d([0.4], [1, 1, 1]);
    // Distances² 0.16 and 0.36: code 1 needs 0.2 more.
    const choice = (extra: number): number =>
      quantizer.quantize(z, { noise: tf.tensor3d([0.5, 0.5 + extra], [1, 1, 2]) }).indices.dataSync()[0]!;
    expect([choice(0.19), choice(0.21)]).toEqual([0, 1]);
    quantizer.dispose();
  });

  it('mixes codes by softmax((logits + noise) / temperature) in training', () => {
    const quantizer = withTwoCodes({ temperature: 0.5 });
    const z = tf.tensor3d([0.4], [1, 1, 1]);
    const noise = tf.tensor3d([0.1, 0.7], [1, 1, 2]);
    const advantage = -0.36 + 0.7 - (-0.16 + 0.1);
    const at = (temperature?: number | tf.Scalar): number =>
      quantizer.quantize(z, { training: true, noise, temperature }).quantized.dataSync()[0]!;
    expect(at()).toBeCloseTo(sigmoid(advantage / 0.5), 6);
    expect(at(2)).toBeCloseTo(sigmoid(advantage / 2), 6);
    expect(at(tf.scalar(0.01))).toBeCloseTo(1, 6);
    expect([...quantizer.quantize(z, { training: true, noise }).indices.dataSync()]).toEqual([1]);
    quantizer.dispose();
  });

  it('has the divergence from equally frequent codes as its loss, whatever noise and temperature are', () => {
    const quantizer = withTwoCodes();
    const p = sigmoid(-0.36 + 0.16);
    const expected = p * Math.log(2 * p) + (1 - p) * Math.log(2 * (1 - p));
    const z = tf.tensor3d([0.4], [1, 1, 1]);
    const loss = (options: Parameters<GumbelQuantizer['quantize']>[1]): number =>
      quantizer.quantize(z, options).loss.dataSync()[0]!;
    expect(loss({})).toBeCloseTo(expected, 6);
    expect(loss({ training: true, noise: tf.tensor3d([3, -3], [1, 1, 2]), temperature: 0.1 })).toBeCloseTo(expected, 6);
    quantizer.dispose();
  });

  it('has a loss of 0 where no code is nearer', () => {
    const quantizer = withTwoCodes();
    expect(quantizer.quantize(tf.fill([1, 3, 1], 0.5)).loss.dataSync()[0]).toBeCloseTo(0, 7);
    quantizer.dispose();
  });

  it.each([true, false])('has the gradients that finite differences say in training (normalize: %s)', (normalize) => {
    const quantizer = create({ normalize, temperature: 0.8 });
    const noise = noiseOf([2, 3, 4], 8);
    expectGradientsMatchFiniteDifferences(
      (z, temperature) => {
        const { quantized, loss } = quantizer.quantize(z as tf.Tensor3D, {
          training: true,
          noise,
          temperature: temperature as tf.Scalar,
        });
        return [quantized, loss];
      },
      [normal([2, 3, 2], 5), tf.scalar(0.8)],
      { variables: new Map([['codebook', quantizer.codebook.weights]]), rtol: 2e-3 },
    );
    quantizer.dispose();
  });

  it('passes the gradient of the mixture through hard codes', () => {
    const quantizer = withTwoCodes();
    const noise = tf.tensor3d([0.1, 0.7], [1, 1, 2]);
    const gradient = (training: boolean): tf.Tensor =>
      tf.grad((z: tf.Tensor) => tf.sum(quantizer.quantize(z as tf.Tensor3D, { training, noise }).quantized))(
        tf.tensor3d([0.4], [1, 1, 1]),
      );
    expect(gradient(false)).toBeAllClose(gradient(true));
    const weight = sigmoid(-0.36 + 0.7 + 0.16 - 0.1);
    // d(logit 1 - logit 0) / dz = 2.
    expect(gradient(true).dataSync()[0]).toBeCloseTo(2 * weight * (1 - weight), 5);
    quantizer.dispose();
  });

  it('draws codes in proportion to their probability', () => {
    const quantizer = withTwoCodes();
    const draws = 4000;
    const { indices } = quantizer.quantize(tf.fill([1, draws, 1], 0.9), { noise: noiseOf([1, draws, 2], 4) });
    const share = tf.mean(tf.cast(indices, 'float32')).dataSync()[0]!;
    // 4 standard errors of 0.0073.
    expect(Math.abs(share - sigmoid(0.81 - 0.01))).toBeLessThan(0.03);
    quantizer.dispose();
  });

  it('refuses options, noise and temperatures that do not fit', () => {
    expect(() => create({ temperature: 0 })).toThrow(
      'GumbelQuantizer: expected temperature to be a finite number above 0, got 0.',
    );
    expect(() => create({ codebookSize: 0 })).toThrow('codebookSize to be an integer of at least 1');
    expect(() => create({ codeDim: 0.5 })).toThrow('codeDim to be an integer of at least 1');
    const quantizer = create();
    const z = normal([1, 3, 2], 1);
    expect(() => quantizer.quantize(z, { training: true })).toThrow(ConfigError);
    expect(() => quantizer.quantize(z, { training: true })).toThrow(
      'GumbelQuantizer.quantize: expected noise [B, N, K] in training, got none. ' +
        'Pass noise: uniform numbers in [0, 1) of the shape that noiseShape(batch, tokens) returns.',
    );
    expect(() => quantizer.quantize(z, { noise: tf.zeros([1, 4, 4]) })).toThrow(
      'GumbelQuantizer.quantize, noise: expected shape [1, 3, 4], got [1, 4, 4].',
    );
    expect(() => quantizer.quantize(z, { temperature: NaN })).toThrow(
      'GumbelQuantizer.quantize: expected temperature to be a finite number above 0, got NaN.',
    );
    expect(() => quantizer.quantize(z, { temperature: tf.ones([1]) as unknown as tf.Scalar })).toThrow(
      'GumbelQuantizer.quantize, temperature: expected shape [], got [1].',
    );
    expect(() => quantizer.decode(tf.zeros([4], 'int32') as unknown as tf.Tensor2D)).toThrow(ShapeError);
    quantizer.dispose();
  });

  it('maps its codebook to the embedding of the reference', () => {
    const names = gumbelQuantizerReferenceWeights().map(({ name, referenceName }) => [name, referenceName]);
    expect(names).toEqual([['codebook', 'embedding.weight']]);
  });
});

describe('gumbelNoise', () => {
  it('is -log(-log(u)), and finite at the ends', () => {
    const noise = gumbelNoise(tf.tensor1d([0.5, Math.exp(-1), 0, 1 - 2 ** -24])).dataSync();
    expect(noise[0]).toBeCloseTo(-Math.log(Math.LN2), 6);
    expect(noise[1]).toBeCloseTo(0, 6);
    expect(noise[2]).toBeCloseTo(-Math.log(25 * Math.LN2), 5);
    expect(noise[3]).toBeCloseTo(24 * Math.LN2, 4);
  });

  it('has the mean and variance of the distribution', () => {
    const noise = gumbelNoise(tf.tensor1d(randomUniform(randomKey(3), 20_000)));
    const { mean, variance } = tf.moments(noise);
    expect(mean.dataSync()[0]).toBeCloseTo(0.5772, 1);
    expect(variance.dataSync()[0]! / (Math.PI ** 2 / 6)).toBeCloseTo(1, 1);
  });
});
