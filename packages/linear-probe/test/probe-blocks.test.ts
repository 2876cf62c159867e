import '@tensorflow/tfjs';
import { ConfigError, DataError, randomKey, ShapeError } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluateProbe, blockFeatures, holdOut, mergeFeatures, probeBlocks, type FeatureSet } from '../src/index.js';
import { clouds, setOf } from './toy.js';

const classes = 3;
const penalties = { classes, l2: [1, 0.1, 0.01], tokenizerSawLabels: false };

/** The same samples in blocks that differ in how far the classes lie apart. */
function blocks(distances: Record<string, number>, count: number, seed: number): FeatureSet {
  return mergeFeatures(
    ...Object.entries(distances).map(([block, distance], index) =>
      setOf({ ...clouds({ classes, count, dim: 4 + index, distance, seed }), block }),
    ),
  );
}

function sets(distances: Record<string, number>): Parameters<typeof probeBlocks>[0] {
  const { train, heldOut } = holdOut(blocks(distances, 160, 1), { fraction: 0.25, key: randomKey(3) });
  return { train, validation: heldOut, test: blocks(distances, 200, 2) };
}

// The compiled engine has its tests in compiled.test.ts.
beforeAll(() => useEngine({ name: 'cpu' }));

describe('probeBlocks', () => {
  const distances = { early: 0.5, middle: 1.5, late: 0.8, pixels: 0.3, 'untrained early': 0.2, 'untrained late': 0.6 };

  it('finds the block that knows most, with the baselines beside it', async () => {
    const data = sets(distances);
    const seen: string[] = [];
    const sweep = await probeBlocks(data, { ...penalties, onBlock: ({ block }) => seen.push(block) });
    expect(sweep.blocks.map(({ block }) => block)).toEqual(Object.keys(distances));
    expect(seen).toEqual(Object.keys(distances));
    expect(sweep.blocks.map(({ dim }) => dim)).toEqual([4, 5, 6, 7, 8, 9]);
    expect(sweep.samples).toEqual({ train: data.train.count, validation: data.validation.count, test: 200 });
    expect(sweep.best?.block).toBe('middle');
    expect(sweep.pixels?.block).toBe('pixels');
    expect(sweep.untrained?.block).toBe('untrained late');
    expect(sweep.best!.test.top1).toBeGreaterThan(sweep.pixels!.test.top1 + 0.2);
    const { low, high } = sweep.best!.test.interval;
    expect(low).toBeLessThan(sweep.best!.test.top1);
    expect(high).toBeGreaterThan(sweep.best!.test.top1);
    expect(evaluateProbe(sweep.probes.get('middle')!, blockFeatures(data.test, 'middle'))).toEqual(sweep.best!.test);
  });

  it('chooses without looking at the test samples', async () => {
    const data = sets(distances);
    const other = await probeBlocks({ ...data, test: blocks(distances, 60, 9) }, penalties);
    const sweep = await probeBlocks(data, penalties);
    expect(other.blocks.map(({ chosen }) => chosen)).toEqual(sweep.blocks.map(({ chosen }) => chosen));
    expect(other.best!.test).not.toEqual(sweep.best!.test);
  });

  it('is plain data but for the probes, and the same twice', async () => {
    const data = sets({ early: 0.5, late: 2 });
    const first = await probeBlocks(data, penalties);
    const second = await probeBlocks(data, penalties);
    expect(JSON.parse(JSON.stringify(first))).toEqual({ ...first, probes: {} });
    expect(second).toEqual(first);
  });

  it('warns where labels may have leaked', async () => {
    const data = sets({ late: 3 });
    const { warnings } = await probeBlocks(data, { ...penalties, tokenizerSawLabels: true });
    expect(warnings[0]).toContain('perceptual loss whose network learned from labels');
    const clean = await probeBlocks(data, penalties);
    expect(clean.warnings.join()).not.toContain('perceptual');
  });

  it('warns where a baseline is as good', async () => {
    const { warnings } = await probeBlocks(sets({ late: 0.5, pixels: 2, 'untrained late': 0 }), penalties);
    expect(warnings.filter((warning) => warning.includes('not clearly above'))).toEqual([
      expect.stringMatching(/^The best block, late, is not clearly above the baseline pixels: [\d.]+ % \(.* against /),
    ]);
  });

  it('warns of classes that training never sees', async () => {
    const data = sets({ late: 3 });
    const { warnings } = await probeBlocks(
      { ...data, test: { ...data.test, labels: data.test.labels.map((label) => label + 1) } },
      { ...penalties, classes: 5 },
    );
    expect(warnings[0]).toBe('No training sample is of class 3: no probe can recognise it.');
  });

  it('takes baselines alone', async () => {
    const { best, pixels } = await probeBlocks(sets({ pixels: 1 }), penalties);
    expect(best).toBeUndefined();
    expect(pixels?.kind).toBe('pixels');
  });

  it('refuses sets that do not fit each other', async () => {
    const data = sets({ early: 1, late: 1 });
    const short = blocks({ early: 1 }, 50, 2);
    await expect(probeBlocks({ ...data, test: short }, penalties)).rejects.toThrow(ShapeError);
    await expect(probeBlocks({ ...data, test: short }, penalties)).rejects.toThrow(
      'probeBlocks, test: expected the blocks of the training set, early [count, 4], late [count, 5], got early [count, 4]',
    );
    const empty = { count: 0, labels: new Int32Array(0), blocks: new Map() };
    await expect(probeBlocks({ train: empty, validation: empty, test: empty }, penalties)).rejects.toThrow(ConfigError);
  });

  it('refuses data that no probe can learn from, naming the block', async () => {
    const data = sets({ early: 1, late: 1 });
    await expect(probeBlocks(data, { ...penalties, classes: 1 })).rejects.toThrow(ConfigError);
    await expect(probeBlocks(data, { ...penalties, classes: 2 })).rejects.toThrow('labels to be integers in [0, 2)');
    const one = { ...data.train, labels: data.train.labels.map(() => 1) };
    await expect(probeBlocks({ ...data, train: one }, penalties)).rejects.toThrow('two or more classes');
    const broken = sets({ early: 1, late: 1 });
    broken.train.blocks.get('late')!.data[3] = NaN;
    await expect(probeBlocks(broken, penalties)).rejects.toThrow(DataError);
    await expect(probeBlocks(broken, penalties)).rejects.toThrow(
      'probeBlocks, train, block "late": expected finite features',
    );
  });
});
