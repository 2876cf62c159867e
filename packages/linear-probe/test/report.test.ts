import '@tensorflow/tfjs';
import { useEngine } from '@vitvq/engine';
import { confusionTable, layerSweepChart } from '@vitvq/report';
import { expect, it } from 'vitest';
import { mergeFeatures, probeBlocks, type FeatureSet } from '../src/index.js';
import { clouds, setOf } from './toy.js';

it('a sweep and its classifications are what @vitvq/report draws', async () => {
  await useEngine({ name: 'cpu' });
  const set = (seed: number): FeatureSet =>
    mergeFeatures(
      ...['early', 'late', 'pixels', 'untrained early', 'untrained late'].map((block, index) =>
        setOf({ ...clouds({ classes: 2, count: 40, dim: 3 + index, distance: 1, seed }), block }),
      ),
    );
  const sets = { train: set(1), validation: set(2), test: set(3) };
  const { blocks, best } = await probeBlocks(sets, { classes: 2, l2: [0.1], tokenizerSawLabels: false });
  expect(layerSweepChart('layer-sweep.png', blocks).chart).toMatchObject({
    series: [{ name: 'trained' }, { name: 'untrained' }, { name: 'raw pixels' }],
  });
  expect(confusionTable(best!.test, { classes: ['cat', 'dog'], name: best!.block }).rows).toHaveLength(2);
});
