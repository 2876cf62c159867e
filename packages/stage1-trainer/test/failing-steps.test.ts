import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listCheckpoints, readCheckpoint } from '@vitvq/checkpoint';
import { TrainingDivergedError, type StepReport } from '@vitvq/training';
import { useEngine } from '@vitvq/engine';
import { brokenBatches, tinyBatches, tinyModel, tinyTokenizerTraining } from '@vitvq/test-models';
import '@vitvq/test-utils';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createTokenizerTrainer,
  readTokenizerTraining,
  type TokenizerTrainer,
  type TokenizerTrainerOptions,
  type TokenizerTrainingConfig,
} from '../src/index.js';
import { tinyGanConfig, tinyGanTrainer } from './tiny-gan.js';

let directory: string;

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitvq-failing-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function train(options: Partial<TokenizerTrainerOptions> = {}): Promise<StepReport[]> {
  const trainer = tinyGanTrainer(options);
  const reports: StepReport[] = [];
  trainer.on('step', (report) => void reports.push(report));
  await trainer.run();
  return reports;
}

function createTrainer(options: Partial<TokenizerTrainerOptions> = {}): {
  trainer: TokenizerTrainer;
  reports: StepReport[];
} {
  const trainer = createTokenizerTrainer({
    tokenizer: tinyModel(),
    config: tinyTokenizerTraining(),
    openBatches: tinyBatches,
    ...options,
  });
  const reports: StepReport[] = [];
  trainer.on('step', (report) => void reports.push(report));
  return { trainer, reports };
}

describe('a step that fails', () => {
  const skip = (maximumInRow: number): Partial<TokenizerTrainingConfig> => ({
    nonFinite: { action: 'skip', maximumInRow },
  });

  it('changes nothing, bit for bit, and is counted where it is skipped', async () => {
    const trainer = tinyGanTrainer({
      config: tinyGanConfig(skip(1)),
      openBatches: brokenBatches(3, 5),
      directory,
      checkpoint: { everySteps: 1, keep: 9 },
    });
    const reports: StepReport[] = [];
    const warnings: string[] = [];
    trainer.on('step', (report) => void reports.push(report));
    trainer.on('warning', ({ step, code, message }) => void warnings.push(`${step} ${code}: ${message}`));
    const summary = await trainer.run();
    expect(reports.map(({ skipped }) => skipped)).toEqual([false, false, true, false, true, false]);
    expect(reports.map(({ skippedSteps }) => skippedSteps)).toEqual([0, 0, 1, 1, 2, 2]);
    expect(summary).toMatchObject({ reason: 'finished', step: 6, skippedSteps: 2 });
    expect(warnings).toEqual([
      '3 step-skipped: l2 was NaN; its update was left out (1 skipped so far).',
      '5 step-skipped: l2 was NaN; its update was left out (2 skipped so far).',
    ]);
    const files = await listCheckpoints(directory);
    const [, second, third, fourth] = await Promise.all(files.map(({ file }) => readCheckpoint(file)));
    expect(third!.tensors).toEqual(second!.tensors);
    expect(fourth!.tensors).not.toEqual(third!.tensors);
    expect(await readTokenizerTraining(files[2]!.file)).toMatchObject({ skippedSteps: 1, skippedInRow: 1 });
  });

  it('starts no codebook from a broken batch', async () => {
    const tokenizer = tinyModel();
    const reports = await train({ tokenizer, config: tinyTokenizerTraining(skip(1)), openBatches: brokenBatches(1) });
    expect(reports.map(({ skipped }) => skipped)).toEqual([true, false, false, false, false, false]);
    expect(reports[0]!.values).toEqual({ codebook: NaN });
    expect(tokenizer.quantizer.codebook.weights.dataSync().every(Number.isFinite)).toBe(true);
  });

  it('stops on NaN, names step, term and gradients, and keeps the last good checkpoint', async () => {
    const config = tinyTokenizerTraining();
    const { trainer, reports } = createTrainer({
      directory,
      config,
      checkpoint: { everySteps: 2 },
      openBatches: (startAt) => {
        const source = tinyBatches(startAt);
        let number = startAt;
        return {
          async next() {
            const batch = await source.next();
            if (++number === 4) batch.images[5] = NaN;
            return batch;
          },
          close: () => source.close(),
        };
      },
    });
    const error = await trainer.run().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TrainingDivergedError);
    const { message, step, term, largestGradients, gradientStep, batchIsFinite, checkpoint } =
      error as TrainingDivergedError;
    expect(step).toBe(4);
    expect(term).toBe('l2');
    expect(gradientStep).toBe(3);
    expect(batchIsFinite).toBe(false);
    expect(largestGradients).toHaveLength(5);
    expect(largestGradients[0]!.norm).toBeGreaterThanOrEqual(largestGradients[1]!.norm);
    expect(message).toMatch(/^training step 4: expected l2 to be finite, got NaN\. The batch holds NaN/);
    expect(message).toContain(`Largest gradients (norm, step 3): ${largestGradients[0]!.name} `);
    expect(message).toContain(`The last good checkpoint is ${checkpoint!}.`);
    expect((await listCheckpoints(directory)).map((file) => file.step)).toEqual([2]);
    expect(reports).toHaveLength(3);
  });
});
