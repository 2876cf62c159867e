import '@tensorflow/tfjs';
import { randomKey, randomNormal } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { probeBlocks, type FeatureMatrix, type FeatureSet } from '@vitvq/linear-probe';
import { expect, it } from 'vitest';
import { probeSection, writeReport } from '../src/index.js';
import { temporaryFolder } from './temporary-folder.js';

/** Two classes whose features differ in their mean. */
function featuresOf(seed: number, blocks: readonly string[]): FeatureSet {
  const labels = Int32Array.from({ length: 40 }, (_, sample) => sample % 2);
  const matrix = (dim: number): FeatureMatrix => {
    const noise = randomNormal(randomKey(seed), 40 * dim);
    return { dim, data: noise.map((value, index) => value + labels[Math.floor(index / dim)]!) };
  };
  return { count: 40, labels, blocks: new Map(blocks.map((name, index) => [name, matrix(3 + index)])) };
}

it('draws what @vitvq/linear-probe finds', async () => {
  await useEngine({ name: 'cpu' });
  const names = ['early', 'late', 'pixels', 'untrained early', 'untrained late'];
  const [train, validation, test] = [1, 2, 3].map((seed) => featuresOf(seed, names)) as [
    FeatureSet,
    FeatureSet,
    FeatureSet,
  ];
  const sets = { train, validation, test };
  const sweep = await probeBlocks(sets, { classes: 2, l2: [0.1], tokenizerSawLabels: true });
  const section = probeSection(sweep, { model: 'GPT', classes: ['cat', 'dog'] });
  expect(section.blocks.slice(0, 4).map(({ kind }) => kind)).toEqual(['text', 'charts', 'table', 'table']);
  expect(section.blocks[1]).toMatchObject({
    charts: [{ chart: { series: [{ name: 'trained' }, { name: 'untrained' }, { name: 'raw pixels' }] } }],
  });
  expect(section.blocks.slice(4)).toEqual(sweep.warnings.map((text) => ({ kind: 'text', text })));
  await writeReport(await temporaryFolder(), { title: 'Probe', sections: [section] });
});
