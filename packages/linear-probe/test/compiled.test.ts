import * as tf from '@tensorflow/tfjs';
import { randomKey, randomNormal } from '@vitvq/core';
import { doctor, useEngine } from '@vitvq/engine';
import '@vitvq/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  collectFeatures,
  compileFeatures,
  hostBatches,
  pixelFeatures,
  sweepRegularization,
  type FeatureSet,
  type RegularizationSweep,
} from '../src/index.js';
import { clouds } from './toy.js';

const { engines } = await doctor();
const hasOnnx = engines.some(({ name, available }) => name === 'onnx' && available);

describe.skipIf(!hasOnnx)('on the compiled engine', () => {
  beforeAll(async () => {
    await useEngine({ name: 'onnx', threads: 2 });
  });
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  async function onBoth<T>(run: () => Promise<T>): Promise<[compiled: T, eager: T]> {
    const compiled = await run();
    await useEngine({ name: 'cpu' });
    const eager = await run();
    await useEngine({ name: 'onnx', threads: 2 });
    return [compiled, eager];
  }

  it('collects the features of the plain one', async () => {
    const weight = tf.variable(tf.tensor2d(randomNormal(randomKey(1), 3 * 8), [3, 8]));
    const images = { shape: [10, 4, 4, 3], data: randomNormal(randomKey(2), 10 * 48) };
    const labels = images.data.slice(0, 10).map((_, sample) => sample % 2);
    const collect = async (): Promise<FeatureSet> => {
      const features = compileFeatures((batch: tf.Tensor4D) => {
        const tokens = tf.reshape(batch, [-1, 16, 3]);
        const hidden = tf.tanh(tf.reshape(tf.matMul(tf.reshape(tokens, [-1, 3]), weight as tf.Tensor2D), [-1, 16, 8]));
        return { hidden, ...pixelFeatures(batch, { pool: 2 }) };
      });
      const set = await collectFeatures(features, hostBatches(images, labels, { batchSize: 4 }));
      features.dispose();
      return set;
    };
    const [compiled, eager] = await onBoth(collect);
    expect([...compiled.blocks.keys()]).toEqual(['hidden', 'pixels']);
    expect(compiled.blocks.get('hidden')!.dim).toBe(8);
    for (const [block, { data }] of compiled.blocks) {
      expect(data).toBeAllClose(eager.blocks.get(block)!.data, { atol: 1e-5 });
    }
    weight.dispose();
  });

  it('trains the probe of the plain one', async () => {
    const options = { classes: 4, dim: 10, distance: 1 };
    const validation = clouds({ ...options, count: 100, seed: 2 });
    const train = (): Promise<RegularizationSweep> =>
      sweepRegularization(clouds({ ...options, count: 200, seed: 1 }), validation, { classes: 4, l2: [0.1, 0.01] });
    const [compiled, eager] = await onBoth(train);
    expect(compiled.entries.every(({ converged }) => converged)).toBe(true);
    expect(compiled.probe.weights).toBeAllClose(eager.probe.weights, { rtol: 1e-3, atol: 2e-3 });
    expect(compiled.best.l2).toBe(eager.best.l2);
    expect(compiled.best.validationTop1).toBe(eager.best.validationTop1);
    expect(compiled.best.trainingLoss).toBeCloseTo(eager.best.trainingLoss, 5);
  });

  it('gives the same bits twice', async () => {
    const samples = clouds({ classes: 3, count: 120, dim: 6, distance: 1, seed: 1 });
    const train = (): Promise<RegularizationSweep> =>
      sweepRegularization(samples, samples, { classes: 3, l2: [0.1, 0.01] });
    expect(await train()).toEqual(await train());
  });
});
