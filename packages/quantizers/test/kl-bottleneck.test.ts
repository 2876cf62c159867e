import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, isQuantizer, randomKey, randomNormal, randomUniform, ShapeError } from '@vitvq/core';
import { compile, doctor, useEngine } from '@vitvq/engine';
import { createQuantizer, KLBottleneck, likeCodes, quantizerReferenceWeights } from '../src/index.js';
import { afterAll, describe, expect, it } from 'vitest';

/** Case of golden/kl-bottleneck.py, which says what each field is. */
interface GoldenCase {
  readonly name: string;
  readonly latentDim: number;
  readonly shape: [number, number, number];
  readonly z: number[];
  readonly noise: number[];
  readonly noiseShape: [number, number, number];
  readonly cotangent: number[];
  readonly mean: number[];
  readonly quantized: number[];
  readonly divergence: number;
  readonly gradient: number[];
}

const { cases } = JSON.parse(readFileSync(new URL('golden/kl-bottleneck.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly GoldenCase[];
};
const exactly = { rtol: 0, atol: 0 };

const features = (seed = 1): tf.Tensor3D => tf.tensor3d(randomNormal(randomKey(seed), 2 * 5 * 6), [2, 5, 6]);
const noiseOf = (bottleneck: KLBottleneck, seed = 2): tf.Tensor3D => {
  const shape = bottleneck.noiseShape(2, 5);
  return tf.tensor3d(randomUniform(randomKey(seed), shape[0] * shape[1] * shape[2]), [...shape]);
};

describe.each(cases)('KLBottleneck, $name', (golden) => {
  const bottleneck = new KLBottleneck({ latentDim: golden.latentDim, weight: 0.25 });
  const z = (): tf.Tensor3D => tf.tensor3d(golden.z, golden.shape);
  const training = () => ({ training: true, noise: tf.tensor3d(golden.noise, golden.noiseShape) });

  it('has the latents and the divergence of torch.distributions', () => {
    expect(bottleneck.noiseShape(golden.shape[0], golden.shape[1])).toEqual(golden.noiseShape);
    const { quantized, divergence, loss } = bottleneck.quantize(z(), training());
    expect(quantized).toBeAllClose(tf.tensor(golden.quantized, quantized.shape), { rtol: 1e-5, atol: 1e-5 });
    expect(divergence).toBeAllClose(tf.scalar(golden.divergence), { rtol: 1e-5, atol: 0 });
    expect(loss).toBeAllClose(tf.scalar(0.25 * golden.divergence), { rtol: 1e-5, atol: 0 });
    const evaluated = bottleneck.quantize(z());
    expect(evaluated.quantized).toBeAllClose(tf.tensor(golden.mean, quantized.shape));
    expect(evaluated.divergence).toBeAllClose(divergence, exactly);
  });

  it('has their gradients', () => {
    const gradient = tf.grad((x: tf.Tensor) => {
      const { quantized, divergence } = bottleneck.quantize(x as tf.Tensor3D, training());
      return tf.add(divergence, tf.sum(tf.mul(quantized, tf.tensor(golden.cotangent, quantized.shape))));
    })(z());
    expect(gradient).toBeAllClose(tf.tensor(golden.gradient, golden.shape), { rtol: 1e-4, atol: 1e-5 });
  });
});

describe('KLBottleneck', () => {
  it('has the divergence of the closed form, nats a latent', () => {
    const bottleneck = new KLBottleneck({ latentDim: 2 });
    expect(bottleneck.weight).toBe(1e-6);
    // N(0, 1) twice, and N(1, 4) beside N(-2, 1 / 4):
    // (1 + 4 - 1 - ln 4 + 4 + 1 / 4 - 1 + ln 4) / 2.
    const z = tf.tensor3d([0, 0, 0, 0, 1, -2, Math.log(4), -Math.log(4)], [1, 2, 4]);
    const { divergence, loss } = bottleneck.quantize(z);
    expect(divergence).toBeAllClose(tf.scalar((0 + 7.25 / 2) / 2));
    expect(loss).toBeAllClose(tf.scalar(1e-6 * (7.25 / 4)), { rtol: 1e-5, atol: 0 });
  });

  it('has the gradients of finite differences', () => {
    const bottleneck = new KLBottleneck({ latentDim: 3, weight: 0.5 });
    const noise = noiseOf(bottleneck);
    expectGradientsMatchFiniteDifferences(
      (z) => {
        const { quantized, loss } = bottleneck.quantize(z as tf.Tensor3D, { training: true, noise });
        return [quantized, loss];
      },
      [features()],
    );
  });

  it('draws around the mean with the deviation of the features', () => {
    const tokens = 4000;
    const bottleneck = new KLBottleneck({ latentDim: 2 });
    const z = tf.tile(tf.tensor3d([1, -3, Math.log(4), Math.log(0.25)], [1, 1, 4]), [1, tokens, 1]);
    const noise = tf.tensor3d(randomUniform(randomKey(4), 2 * tokens), [1, tokens, 2]);
    const { mean, variance } = tf.moments(bottleneck.quantize(z, { training: true, noise }).quantized, [0, 1]);
    // Standard deviations are 0.03 and 0.008 of the means, 0.09 and 0.006 of the variances.
    expect(mean).toBeAllClose([1, -3], { rtol: 0, atol: 0.12 });
    expect(variance).toBeAllClose([4, 0.25], { rtol: 0.1, atol: 0 });
  });

  it('counts no padding, whatever it holds, and passes it no gradient of the loss', () => {
    const bottleneck = new KLBottleneck({ latentDim: 3 });
    const isReal = [1, 0, 1, 1, 0, 1, 1, 1, 0, 1];
    const mask = tf.tensor2d(isReal, [2, 5]);
    const clean = features();
    const values = clean.dataSync().slice();
    isReal.forEach((real, token) => real || values.fill(token % 2 ? NaN : 1e3, token * 6, token * 6 + 6));
    const z = tf.tensor3d(values, [2, 5, 6]);
    const real = tf.tensor1d(
      [...isReal.keys()].filter((token) => isReal[token]),
      'int32',
    );
    const pick = (x: tf.Tensor): tf.Tensor3D => tf.gather(tf.reshape<tf.Rank.R3>(x, [1, 10, x.shape[2]!]), real, 1);
    const noise = noiseOf(bottleneck);
    const found = bottleneck.quantize(z, { training: true, noise, mask });
    const alone = bottleneck.quantize(pick(clean), { training: true, noise: pick(noise) });
    expect(found.divergence).toBeAllClose(alone.divergence);
    expect(pick(found.quantized)).toBeAllClose(alone.quantized);
    const means = tf.slice(z, [0, 0, 0], [-1, -1, 3]).dataSync();
    isReal.forEach((isToken, token) => {
      const own = [token * 3, token * 3 + 3] as const;
      if (!isToken) expect(found.quantized.dataSync().slice(...own)).toEqual(means.slice(...own));
    });
    const gradient = tf.grad((x: tf.Tensor) => bottleneck.quantize(x as tf.Tensor3D, { mask }).divergence)(z);
    const expected = tf.grad((x: tf.Tensor) => bottleneck.quantize(x as tf.Tensor3D).divergence)(pick(clean));
    expect(pick(gradient)).toBeAllClose(expected);
    expect(tf.sum(tf.abs(gradient))).toBeAllClose(tf.sum(tf.abs(expected)));
  });

  it('is a bottleneck by config and no quantizer, without variables and codes of its own', () => {
    const bottleneck = createQuantizer({ kind: 'kl', latentDim: 3, weight: 0.5 }, randomKey(0));
    expect(isQuantizer(bottleneck)).toBe(false);
    expect([bottleneck.codeDim, bottleneck.featureDim, bottleneck.weight]).toEqual([3, 6, 0.5]);
    expect(bottleneck.namedVariables().size).toBe(0);
    expect(bottleneck.quantize(features())).not.toHaveProperty('indices');
    expect(likeCodes(bottleneck, features())).toBeAllClose(bottleneck.quantize(features()).quantized, exactly);
    expect(() => quantizerReferenceWeights({ kind: 'kl', latentDim: 3 }, 'test')).toThrow(ConfigError);
  });

  it('refuses wrong options, features, noise and masks', () => {
    expect(() => new KLBottleneck({ latentDim: 0 })).toThrow(ConfigError);
    expect(() => new KLBottleneck({ latentDim: 3, weight: -1 })).toThrow(/weight/);
    expect(() => createQuantizer({ kind: 'kl', latentDim: 0.5, weight: -1 }, randomKey(0))).toThrow(
      /latentDim.*weight/s,
    );
    const bottleneck = new KLBottleneck({ latentDim: 3 });
    expect(() => bottleneck.quantize(tf.zeros([2, 5, 3]))).toThrow(ShapeError);
    expect(() => bottleneck.bound(tf.zeros([2, 5, 3]))).toThrow(ShapeError);
    expect(() => bottleneck.quantize(features(), { training: true })).toThrow(/noise \[B, N, E'\]/);
    expect(() => bottleneck.quantize(features(), { noise: tf.zeros([2, 5, 3]) })).toThrow(ShapeError);
    expect(() => bottleneck.quantize(features(), { mask: tf.ones([2, 4]) })).toThrow(ShapeError);
  });

  it('shows NaN, and leaves no tensors behind', () => {
    const bottleneck = new KLBottleneck({ latentDim: 3 });
    const values = features().dataSync().slice();
    values[4] = NaN;
    const z = tf.tensor3d(values, [2, 5, 6]);
    const [noise, mask] = [noiseOf(bottleneck), tf.ones<tf.Rank.R2>([2, 5])];
    expect(bottleneck.quantize(z).divergence.dataSync()[0]).toBeNaN();
    expectNoTensorLeak(() => {
      tf.dispose({ ...bottleneck.quantize(z, { training: true, noise }) });
      tf.dispose({ ...bottleneck.quantize(z, { mask }) });
    });
    expect(z.isDisposed).toBe(false);
  });
});

const { engines } = await doctor();
describe.runIf(engines.some(({ name, available }) => name === 'onnx' && available))('KLBottleneck, compiled', () => {
  afterAll(() => useEngine({ name: 'cpu' }));

  it('gives the numbers of plain tensor code', async () => {
    await useEngine({ name: 'cpu' });
    const bottleneck = new KLBottleneck({ latentDim: 3, weight: 0.5 });
    const run = (z: tf.Tensor3D, noise: tf.Tensor3D): tf.Tensor[] => {
      const made = bottleneck.quantize(z, { training: true, noise });
      const gradient = tf.grad((x: tf.Tensor) => {
        const { quantized, loss } = bottleneck.quantize(x as tf.Tensor3D, { training: true, noise });
        return tf.add(tf.sum(tf.square(quantized)), loss);
      })(z);
      return [made.quantized, made.loss, made.divergence, gradient];
    };
    const plain = run(features(), noiseOf(bottleneck)).map((tensor) => ({
      shape: tensor.shape,
      data: tensor.dataSync().slice(),
    }));
    await useEngine({ name: 'onnx' });
    const compiled = compile(run, { name: 'kl' });
    const results = await compiled(features(), noiseOf(bottleneck));
    for (const [index, { data, shape }] of plain.entries()) {
      expect(await results[index]!.data()).toBeAllClose(data, { rtol: 1e-4, atol: 1e-5 });
      expect(results[index]!.shape).toEqual(shape);
    }
    compiled.dispose();
  });
});
