import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { useEngine, type Precision } from '@vitvq/engine';
import { stepReports } from '@vitvq/test-models';
import { compilingEngines } from '@vitvq/test-utils';
import type { StepReport } from '@vitvq/training';
import { hingeAdversarialLoss } from '@vitvq/losses';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { tinyDiscriminator, tinyGanConfig, tinyGanTrainer } from './tiny-gan.js';

/** Trains a tokenizer against a discriminator, with R1, LeCam and EMA. */
async function train(
  precision: Precision,
  { directory, stopAfter = Infinity }: { directory?: string; stopAfter?: number } = {},
): Promise<StepReport[]> {
  const trainer = tinyGanTrainer({
    config: tinyGanConfig({ duration: { steps: 4 }, precision }),
    adversarial: { discriminator: tinyDiscriminator(), loss: hingeAdversarialLoss },
    ...(directory !== undefined && { directory }),
  });
  if (directory !== undefined) await trainer.resume(directory);
  return stepReports(trainer, stopAfter);
}

const valuesOf = (reports: readonly StepReport[]) => reports.map(({ values }) => values);
const named = (name: string, reports: readonly StepReport[]): number[] => reports.map(({ values }) => values[name]!);

for (const { name: engine, isHere } of await compilingEngines()) {
  // No program that imitates a GPU computes in float16.
  describe.skipIf(!isHere || engine === 'onnx-webgpu')(`narrow training on the engine ${engine}`, () => {
    beforeAll(async () => {
      await useEngine({ name: engine, threads: 2, onCompile: () => undefined });
    });
    afterAll(async () => {
      await useEngine({ name: 'cpu' });
    });

    it('against a discriminator with R1 follows the one in float32', async () => {
      const [exact, narrow] = [await train('float32'), await train('bfloat16')];
      for (const name of ['loss', 'discriminator', 'r1'] as const) {
        const [expected, got] = [named(name, exact), named(name, narrow)].map((values) =>
          values.filter((value) => value !== undefined),
        ) as [number[], number[]];
        expect(expected.length).toBeGreaterThan(0);
        expect(got).toBeAllClose(expected, { rtol: 0.05, atol: 0.02 });
      }
      expect(named('loss', narrow)).not.toEqual(named('loss', exact));
    });

    // XLA compiles for minutes on a CPU.
    it.skipIf(engine === 'pjrt')(
      'in float16, stopped and resumed, goes on with the same numbers and loss scales bit for bit',
      async () => {
        const directory = await mkdtemp(join(tmpdir(), 'vitvq-stage1-'));
        onTestFinished(() => rm(directory, { recursive: true, force: true }));
        const straight = await train('float16');
        for (const name of ['lossScale', 'discriminatorLossScale']) {
          expect(named(name, straight).every((scale) => scale >= 1)).toBe(true);
        }
        const first = await train('float16', { directory, stopAfter: 2 });
        await expect(train('float32', { directory })).rejects.toThrow(/training\.precision/);
        const second = await train('float16', { directory });
        expect([...valuesOf(first), ...valuesOf(second)]).toEqual(valuesOf(straight));
      },
    );
  });
}
