import '@tensorflow/tfjs';
import { ConfigError, DataError, ShapeError } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluateProbe, fitSoftmaxProbe, type LabelledFeatures, type SoftmaxProbe } from '../src/index.js';
import { clouds } from './toy.js';

// prettier-ignore
const small: LabelledFeatures = {
  block: 'small',
  dim: 2,
  data: Float32Array.of(1.2, 0.3, 0.4, 1.9, 2.1, 1.1, 0.2, 0.1, 3, 2.2, 2.4, 3.1, 3.3, 0.4, 1.1, 2.8, 2.9, 2.9, 0.7, 1, 1.9, 0.2, 0.1, 2.5),
  labels: Int32Array.of(0, 1, 2, 0, 2, 1, 2, 1, 1, 0, 2, 0),
};

/**
 * Values of scikit-learn 1.9.1 with numpy 2.4.6, with the samples above as X and y:
 *
 *     Z = StandardScaler().fit_transform(X)
 *     m = LogisticRegression(C=1 / (l2 * 12), tol=1e-12, max_iter=100000, solver='newton-cg')
 *     m.fit(Z, y)
 *     m.coef_.T, m.intercept_ - m.intercept_.mean(), log_loss(y, m.predict_proba(Z))
 */
const scikitLearn = [
  {
    l2: 0.1,
    weights: [-0.8945641, -0.0163994, 0.9109635, -0.4133523, 0.9478942, -0.5345418],
    bias: [-0.0581118, 0.0163224, 0.0417894],
    loss: 0.48046387356136777,
  },
  {
    l2: 0.01,
    weights: [-2.133348, -0.238179, 2.3715269, -0.6597589, 1.8654806, -1.2057217],
    bias: [-0.2039086, 0.3267916, -0.122883],
    loss: 0.2889637719327375,
  },
];

/**
 * The largest component of the objective's gradient, computed here from the definition in float64.
 */
function gradientNorm(probe: SoftmaxProbe, { dim, data, labels }: LabelledFeatures, l2: number): number {
  const { classes, mean, deviation, weights } = probe;
  const count = labels.length;
  const logits = probe.logits({ dim, data });
  const gradient = new Float64Array((dim + 1) * classes);
  weights.forEach((weight, index) => (gradient[index] = l2 * weight));
  for (let sample = 0; sample < count; sample++) {
    const own = [...logits.subarray(sample * classes, (sample + 1) * classes)].map(Math.exp);
    const total = own.reduce((sum, value) => sum + value, 0);
    own.forEach((value, k) => {
      const error = (value / total - Number(k === labels[sample])) / count;
      for (let component = 0; component < dim; component++) {
        const standardized = (data[sample * dim + component]! - mean[component]!) / deviation[component]!;
        gradient[component * classes + k]! += error * standardized;
      }
      gradient[dim * classes + k]! += error;
    });
  }
  return gradient.reduce((most, slope) => Math.max(most, Math.abs(slope)), 0);
}

// The compiled engine has its tests in compiled.test.ts.
beforeAll(() => useEngine({ name: 'cpu' }));

describe('fitSoftmaxProbe', () => {
  it.each(scikitLearn)("finds scikit-learn's solution with l2 $l2", async ({ l2, weights, bias, loss }) => {
    const { probe, facts } = await fitSoftmaxProbe(small, { classes: 3, l2, gradientTolerance: 1e-6 });
    expect(facts.converged).toBe(true);
    expect(probe.weights).toBeAllClose(weights, { atol: 5e-5 });
    expect(probe.bias).toBeAllClose(bias, { atol: 5e-5 });
    expect(facts.trainingLoss).toBeCloseTo(loss, 5);
    expect(evaluateProbe(probe, small).crossEntropy).toBeCloseTo(loss, 5);
  });

  it('ends where the gradient vanishes', async () => {
    const train = clouds({ classes: 4, count: 120, dim: 6, distance: 1, seed: 1 });
    const { probe, facts } = await fitSoftmaxProbe(train, { classes: 4, l2: 0.01 });
    expect(facts.gradientNorm).toBeLessThanOrEqual(1e-5);
    expect(gradientNorm(probe, train, 0.01)).toBeLessThan(1.2e-5);
  });

  it('separates what is separable', async () => {
    const options = { classes: 5, dim: 8, distance: 12 };
    const { probe } = await fitSoftmaxProbe(clouds({ ...options, count: 100, seed: 1 }), { classes: 5, l2: 1e-3 });
    expect(evaluateProbe(probe, clouds({ ...options, count: 200, seed: 2 })).top1).toBe(1);
  });

  it('finds nothing where there is nothing', async () => {
    const options = { classes: 4, dim: 3, distance: 0 };
    const { probe } = await fitSoftmaxProbe(clouds({ ...options, count: 400, seed: 1 }), { classes: 4, l2: 0.1 });
    const { interval } = evaluateProbe(probe, clouds({ ...options, count: 800, seed: 2 }));
    expect(interval.low).toBeLessThan(0.25);
    expect(interval.high).toBeGreaterThan(0.25);
  });

  it('does not depend on the scale and origin of features', async () => {
    const train = clouds({ classes: 3, count: 90, dim: 5, distance: 1, seed: 3 });
    const scaled = (scale: (component: number) => number, origin = 0): LabelledFeatures => ({
      ...train,
      data: train.data.map((value, index) => origin + value * scale(index % train.dim)),
    });
    const options = { classes: 3, l2: 0.01 };
    const plain = await fitSoftmaxProbe(train, options);
    // Powers of two round nothing.
    const exact = await fitSoftmaxProbe(
      scaled((component) => 4 ** (component - 2)),
      options,
    );
    expect(exact.probe.weights).toEqual(plain.probe.weights);
    const moved = await fitSoftmaxProbe(
      scaled((component) => 1 + 300 * component, 1_000),
      options,
    );
    expect(moved.probe.weights).toBeAllClose(plain.probe.weights, { atol: 2e-3 });
  });

  it('gives no weight to a component that is constant up to rounding', async () => {
    const data = small.data.map((value, index) => (index % 2 ? 0.1 + (index % 3) * 1e-9 : value));
    const { probe } = await fitSoftmaxProbe({ ...small, data }, { classes: 3, l2: 0.01 });
    expect(probe.deviation[1]).toBe(Infinity);
    expect(probe.weights.slice(3)).toBeAllClose([0, 0, 0]);
    expect(probe.weights[0]).not.toBe(0);
  });

  it('gives the same bits twice', async () => {
    const train = clouds({ classes: 3, count: 60, dim: 5, distance: 1, seed: 4 });
    const first = await fitSoftmaxProbe(train, { classes: 3, l2: 0.01 });
    const second = await fitSoftmaxProbe(train, { classes: 3, l2: 0.01 });
    expect(second).toEqual(first);
  });

  it('leaves no tensors behind', async () => {
    await expectNoTensorLeak(async () => {
      await fitSoftmaxProbe(small, { classes: 3, l2: 1 });
    });
  });

  it('says when it did not converge', async () => {
    const { facts } = await fitSoftmaxProbe(small, { classes: 3, l2: 0.01, maximumIterations: 2 });
    expect(facts).toMatchObject({ converged: false, iterations: 2 });
    expect(facts.gradientNorm).toBeGreaterThan(1e-5);
  });

  describe('refuses', () => {
    const fit = (train: Partial<LabelledFeatures>, options: Partial<{ classes: number; l2: number }> = {}) =>
      fitSoftmaxProbe({ ...small, ...train }, { classes: 3, l2: 1, ...options });

    it.each([0, 1, 2.5])('%d classes', async (classes) => {
      await expect(fit({}, { classes })).rejects.toThrow(ConfigError);
      await expect(fit({}, { classes })).rejects.toThrow('classes to be an integer of at least 2');
    });

    it('samples of one class', async () => {
      const labels = new Int32Array(12).fill(2);
      await expect(fit({ labels })).rejects.toThrow(DataError);
      await expect(fit({ labels })).rejects.toThrow(
        'block "small": expected training samples of two or more classes, got class 2 alone',
      );
    });

    it('no samples', async () => {
      const none = { data: new Float32Array(0), labels: new Int32Array(0) };
      await expect(fit(none)).rejects.toThrow('block "small": expected at least one sample, got none');
    });

    it('fewer samples than classes', async () => {
      await expect(fit({}, { classes: 13 })).rejects.toThrow(DataError);
      await expect(fit({}, { classes: 13 })).rejects.toThrow(
        'at least 13 training samples, one for each class, got 12',
      );
    });

    it.each([NaN, Infinity])('a feature that is %d, naming block and sample', async (value) => {
      const data = small.data.slice();
      data[9] = value;
      await expect(fit({ data })).rejects.toThrow(DataError);
      await expect(fit({ data })).rejects.toThrow(`block "small": expected finite features, got ${value} in sample 4`);
    });

    it.each([-1, 3])('the label %d', async (label) => {
      const labels = small.labels.slice();
      labels[5] = label;
      await expect(fit({ labels })).rejects.toThrow(DataError);
      await expect(fit({ labels })).rejects.toThrow(`integers in [0, 3), got ${label} for sample 5`);
    });

    it('counts that do not fit', async () => {
      const labels = small.labels.slice(1);
      await expect(fit({ labels })).rejects.toThrow(ShapeError);
      await expect(fit({ labels })).rejects.toThrow('11 rows of 2 features, one for each label, got 24 values');
    });

    it.each([0, -1, NaN, Infinity])('a penalty of %d', async (l2) => {
      await expect(fit({}, { l2 })).rejects.toThrow(ConfigError);
    });

    it.each([{ gradientTolerance: 0 }, { gradientTolerance: NaN }, { maximumIterations: 0 }])('%o', async (options) => {
      await expect(fitSoftmaxProbe(small, { classes: 3, l2: 1, ...options })).rejects.toThrow(ConfigError);
    });
  });
});
