import type { StepReport } from '@vitvq/training';
import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { useEngine } from '@vitvq/engine';
import { compilingEngines } from '@vitvq/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Evaluator } from '@vitvq/evaluation';
import { createTokenizerTrainer } from '../src/index.js';
import {
  brokenBatches,
  stepReports,
  tinyBatches,
  tinyImages,
  tinyModel,
  tinyTokenizerTraining,
} from '@vitvq/test-models';
import { tinyGanConfig, tinyGanTrainer } from './tiny-gan.js';

async function train(directory?: string, stopAfter = Infinity): Promise<StepReport[]> {
  const trainer = createTokenizerTrainer({
    tokenizer: tinyModel(),
    config: tinyTokenizerTraining(),
    openBatches: tinyBatches,
    directory,
  });
  if (directory !== undefined && stopAfter === Infinity) await trainer.restore(directory);
  return stepReports(trainer, stopAfter);
}

const losses = (reports: readonly StepReport[]): number[] => reports.map(({ values }) => values.loss!);

for (const { name: engine, isHere } of await compilingEngines()) {
  describe.skipIf(!isHere)(`training on the engine ${engine}`, () => {
    let directory: string;
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'vitvq-stage1-'));
      await useEngine({ name: engine, threads: 2, onCompile: () => undefined });
    });
    afterAll(async () => {
      await useEngine({ name: 'cpu' });
      await rm(directory, { recursive: true, force: true });
    });

    it('gives the numbers of the plain one', async () => {
      const compiled = await train();
      await useEngine({ name: 'cpu' });
      const eager = await train();
      await useEngine({ name: engine, threads: 2, onCompile: () => undefined });
      expect(losses(compiled)).toBeAllClose(losses(eager), { rtol: 1e-3 });
      expect(compiled.map(({ values }) => values.resetCodes)).toEqual(eager.map(({ values }) => values.resetCodes));
    });

    it('stopped and resumed, goes on with the same numbers bit for bit', async () => {
      const straight = await train();
      const first = await train(directory, 3);
      const second = await train(directory);
      expect([...losses(first), ...losses(second)]).toEqual(losses(straight));
    });

    it('trains against a discriminator with the numbers of the plain engine, and skips what fails', async () => {
      const run = async (): Promise<StepReport[]> => {
        const trainer = tinyGanTrainer({
          config: tinyGanConfig({ nonFinite: { action: 'skip', maximumInRow: 1 } }),
          openBatches: brokenBatches(4),
        });
        const reports: StepReport[] = [];
        trainer.on('step', (report) => void reports.push(report));
        await trainer.run();
        trainer.dispose();
        return reports;
      };
      const compiled = await run();
      await useEngine({ name: 'cpu' });
      const eager = await run();
      await useEngine({ name: engine, threads: 2, onCompile: () => undefined });
      expect(compiled.map(({ skipped }) => skipped)).toEqual([false, false, false, true, false, false]);
      for (const [index, { values, skipped }] of compiled.entries()) {
        expect(Object.keys(values)).toEqual(Object.keys(eager[index]!.values));
        if (!skipped)
          expect(Object.values(values)).toBeAllClose(Object.values(eager[index]!.values), { rtol: 2e-2, atol: 1e-4 });
      }
    });

    it('leaves timers running while it trains', async () => {
      let ticks = 0;
      const timer = setInterval(() => ticks++, 1);
      await train();
      clearInterval(timer);
      expect(ticks).toBeGreaterThan(3);
    });

    it('evaluates', async () => {
      const model = tinyModel();
      const { psnr, indices } = await new Evaluator(model, { batchSize: 4 }).evaluate(tinyImages(6));
      await useEngine({ name: 'cpu' });
      const eager = await new Evaluator(model, { batchSize: 4 }).evaluate(tinyImages(6));
      expect(psnr).toBeCloseTo(eager.psnr, 3);
      expect(indices).toEqual(eager.indices);
    });
  });
}
