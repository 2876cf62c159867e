import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, randomKey } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { classGPT, everywhere, grid, tinyCodes, tinyTransformerTraining, vocabSize } from '@vitvq/test-models';
import { compilingEngines, expectNoTensorLeak } from '@vitvq/test-utils';
import type { StepReport } from '@vitvq/training';
import { RAR } from '@vitvq/transformers';
import { createTransformerGradients } from '../src/index.js';
import { drawOrders, randomOrderProbability } from '../src/internal/draw-orders.js';
import { conditioner, train } from './train-tiny.js';

const compiling = await compilingEngines();
beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});
afterAll(() => useEngine({ name: 'cpu' }));

function rar(dropout = everywhere): RAR {
  const size = { vocabSize, grid, conditionVocabSize: conditioner.vocabSize, dim: 16, depth: 1, numHeads: 2 };
  return new RAR({ ...size, mlpDim: 32, dropout, key: randomKey(3) });
}

const losses = (reports: readonly StepReport[]): number[] => reports.map(({ values }) => values['loss']!);

describe('random orders', () => {
  it('are certain at first, then fewer and fewer, then none', () => {
    const annealing = { start: 0.5, end: 0.75 };
    const probabilities = [0, 0.49, 0.5, 0.625, 0.75, 1].map((at) => randomOrderProbability(annealing, at));
    expect(probabilities).toEqual([1, 1, 1, 0.5, 0, 0]);
    expect([0.4, 0.5].map((at) => randomOrderProbability({ start: 0.5, end: 0.5 }, at))).toEqual([1, 0]);
  });

  it('are permutations, in the fraction of images that is asked for', () => {
    const positions = 12;
    const raster = Array.from({ length: positions }, (_, index) => index);
    const rows = drawOrders(randomKey(1), 400, positions, 0.25).arraySync();
    for (const row of rows) expect([...row].sort((a, b) => a - b)).toEqual(raster);
    const random = rows.filter((row) => row.some((position, index) => position !== index)).length;
    expect(Math.abs(random / 400 - 0.25)).toBeLessThan(5 * Math.sqrt((0.25 * 0.75) / 400));
    // All positions come first equally often.
    const all = drawOrders(randomKey(2), 1200, positions, 1).arraySync();
    for (const position of raster) {
      const count = all.filter(([first]) => first === position).length;
      expect(Math.abs(count - 100)).toBeLessThan(5 * Math.sqrt(1200 * (1 / 12) * (11 / 12)));
    }
    expect(drawOrders(randomKey(2), 2, positions, 0).arraySync()).toEqual([raster, raster]);
    expect(drawOrders(randomKey(2), 2, positions, 1).arraySync()).toEqual(all.slice(0, 2));
  });

  it('change what a step learns, and only where they are asked for', async () => {
    const never = tinyTransformerTraining({ orderAnnealing: { start: 0, end: 0 } });
    const always = tinyTransformerTraining({ orderAnnealing: { start: 1, end: 1 } });
    const [raster, random, usual] = [
      await train({ model: rar(), config: never }),
      await train({ model: rar(), config: always }),
      await train({ model: rar() }),
    ];
    expect(losses(random.reports)).not.toEqual(losses(raster.reports));
    // Six steps: the first three are random, as they are always.
    expect(losses(usual.reports).slice(0, 3)).toEqual(losses(random.reports).slice(0, 3));
  });

  it('are drawn again alike when a training is resumed', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'vitvq-orders-'));
    try {
      const config = tinyTransformerTraining({ accumulate: 2, conditionDropRate: 0.3 });
      const straight = await train({ model: rar(), config });
      const first = await train({ model: rar(), config, directory }, { stopAfter: 2 });
      const second = await train({ model: rar(), config, directory }, { restore: true });
      expect([...losses(first.reports), ...losses(second.reports)]).toEqual(losses(straight.reports));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  for (const { name, isHere } of compiling) {
    it.skipIf(!isHere)(`take the same steps on ${name} and eagerly`, async () => {
      const eager = await train({ model: rar() });
      await useEngine({ name, threads: 2, onCompile: () => undefined });
      const compiled = await train({ model: rar() });
      await useEngine({ name: 'cpu' });
      expect(losses(compiled.reports)).toBeAllClose(losses(eager.reports), { rtol: 1e-4 });
    });
  }

  it('leave no tensors behind', async () => {
    const model = rar();
    const config = tinyTransformerTraining({ duration: { steps: 2 }, accumulate: 2 });
    await expectNoTensorLeak(async () => {
      await train({ model, config });
    });
    model.dispose();
  });

  it('are refused for models that take none, and with an end before the start', async () => {
    const config = tinyTransformerTraining({ orderAnnealing: {} });
    await expect(train({ model: classGPT(), config })).rejects.toThrow(ConfigError);
    await expect(train({ model: classGPT(), config })).rejects.toThrow(
      /config\.orderAnnealing: expected none for a model that takes no orders; a RAR does/,
    );
    const backwards = tinyTransformerTraining({ orderAnnealing: { start: 0.8 } });
    await expect(train({ model: rar(), config: backwards })).rejects.toThrow(/orderAnnealing\.end .*at least start/);
    const { tokens, shape } = tinyCodes(0, 8, 1);
    const orders = drawOrders(randomKey(1), 8, grid[0] * grid[1], 1);
    const gradients = createTransformerGradients({ model: classGPT() });
    expect(() =>
      gradients(tf.zeros([8, 1], 'int32'), tf.tensor2d(tokens, [shape[0]!, shape[1]!], 'int32'), undefined, orders),
    ).toThrow(/a model that takes orders, such as a RAR/);
  });
});
