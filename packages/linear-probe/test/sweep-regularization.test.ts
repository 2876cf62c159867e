import '@tensorflow/tfjs';
import { ConfigError, DataError, foldIn, randomKey, randomNormal } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import '@vitvq/test-utils';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluateProbe, fitSoftmaxProbe, sweepRegularization, type LabelledFeatures } from '../src/index.js';
import { clouds } from './toy.js';

/**
 * Every fourth sample is of class 1. One component tells the classes apart, the others are noise,
 * and every `wrongEvery`-th label is wrong: with a strong penalty the bias wins and all samples are
 * taken for class 0; with a weak one the probe learns the wrong labels by their noise.
 */
function rareClassInNoise(count: number, seed: number, wrongEvery = Infinity): LabelledFeatures {
  const dim = 40;
  const data = randomNormal(foldIn(randomKey(5), seed), count * dim);
  const classes = Array.from({ length: count }, (_, sample) => Number(sample % 4 === 0));
  classes.forEach((label, sample) => (data[sample * dim]! += 4 * label));
  const labels = Int32Array.from(classes, (label, sample) =>
    sample % wrongEvery === wrongEvery - 1 ? 1 - label : label,
  );
  return { block: 'rare class', dim, data, labels };
}

// The compiled engine has its tests in compiled.test.ts.
beforeAll(() => useEngine({ name: 'cpu' }));

describe('sweepRegularization', () => {
  const penalties = [1e-4, 0.1, 10];

  it('picks the penalty that is neither too strong nor too weak', async () => {
    const [train, validation] = [rareClassInNoise(160, 1, 9), rareClassInNoise(1_000, 2)];
    const { entries, best, probe, warnings } = await sweepRegularization(train, validation, {
      classes: 2,
      l2: penalties,
    });
    expect(entries.map(({ l2 }) => l2)).toEqual([10, 0.1, 1e-4]);
    expect(best.l2).toBe(0.1);
    expect(entries[0]!.validationTop1).toBeCloseTo(0.75, 10);
    expect(best.validationTop1).toBeGreaterThan(entries[2]!.validationTop1 + 0.05);
    expect(warnings).toEqual([]);
    expect(evaluateProbe(probe, validation).top1).toBe(best.validationTop1);
  });

  it('leaves out weaker penalties after two that are worse than the best', async () => {
    const [train, validation] = [rareClassInNoise(160, 1, 9), rareClassInNoise(1_000, 2)];
    const { entries, best, warnings } = await sweepRegularization(train, validation, {
      classes: 2,
      l2: [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1],
    });
    expect(entries.map(({ l2 }) => l2)).toEqual([1, 0.1, 1e-2, 1e-3]);
    expect(best.l2).toBe(0.1);
    expect(warnings).toEqual([]);
  });

  it('does not depend on where each search began', async () => {
    const [train, validation] = [rareClassInNoise(160, 1, 9), rareClassInNoise(100, 2)];
    const { probe } = await sweepRegularization(train, validation, { classes: 2, l2: penalties });
    const { probe: alone } = await fitSoftmaxProbe(train, { classes: 2, l2: 0.1 });
    expect(probe.weights).toBeAllClose(alone.weights, { atol: 1e-3 });
  });

  it('takes the lower cross-entropy among equal accuracies', async () => {
    const options = { classes: 3, dim: 6, distance: 12 };
    const validation = clouds({ ...options, count: 60, seed: 2 });
    const sweep = await sweepRegularization(clouds({ ...options, count: 60, seed: 1 }), validation, {
      classes: 3,
      l2: [1, 1e-3],
    });
    expect(sweep.entries.map(({ validationTop1 }) => validationTop1)).toEqual([1, 1]);
    expect(sweep.best.l2).toBe(1e-3);
    expect(sweep.warnings).toEqual([]);
  });

  it('warns where the best penalty is at the end of the range', async () => {
    const [train, validation] = [rareClassInNoise(160, 1, 9), rareClassInNoise(300, 2)];
    const weak = await sweepRegularization(train, validation, { classes: 2, l2: [10, 0.1] });
    expect(weak.warnings).toEqual(['rare class: the best l2, 0.1, is at the end of the range. Try weaker ones.']);
    const strong = await sweepRegularization(train, validation, { classes: 2, l2: [0.1, 1e-4] });
    expect(strong.warnings).toEqual(['rare class: the best l2, 0.1, is at the end of the range. Try stronger ones.']);
  });

  it('warns where the search did not converge', async () => {
    const train = rareClassInNoise(160, 1, 9);
    const { warnings } = await sweepRegularization(train, train, { classes: 2, l2: [1e-4], maximumIterations: 3 });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('rare class: the search with l2 0.0001 ended after 3 iterations with a gradient of');
  });

  it('refuses penalties that cannot be, and validation samples that cannot be used', async () => {
    const train = rareClassInNoise(50, 1);
    const sweep = (l2: number[]) => sweepRegularization(train, train, { classes: 2, l2 });
    await expect(sweep([])).rejects.toThrow('at least one penalty l2, got none');
    await expect(sweep([1, 0])).rejects.toThrow(ConfigError);
    const validation = { ...train, labels: train.labels.map((label) => label + 1) };
    await expect(sweepRegularization(train, validation, { classes: 2 })).rejects.toThrow(DataError);
    await expect(sweepRegularization(train, validation, { classes: 2 })).rejects.toThrow('validation, block');
  });
});
