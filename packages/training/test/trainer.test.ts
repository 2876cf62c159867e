import '@tensorflow/tfjs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { listCheckpoints, readCheckpoint } from '@vitvq/checkpoint';
import { ConfigError } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { logCurve, readTrainingLog, Trainer, TrainingDivergedError, type StepContext } from '../src/index.js';
import { numbers, Sum } from './sum-task.js';

let directory: string;

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitvq-training-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe('Trainer', () => {
  it('tells the task where it stands, and listeners what happens, in order', async () => {
    const task = new Sum();
    const trainer = new Trainer({
      task,
      duration: { steps: 4 },
      openBatches: numbers(1, 2, 3, 4, 5),
      directory,
      evaluation: { everySteps: 2 },
      checkpoint: { everySteps: 2 },
      preview: { steps: [0, 2], everySteps: 0 },
      best: { metric: 'sum', mode: 'highest' },
    });
    const events: string[] = [];
    for (const name of ['step', 'preview', 'evaluate', 'checkpoint', 'best', 'warning'] as const) {
      trainer.on(name, ({ step }: { step: number }) => void events.push(`${name} ${step}`));
    }
    const { best, evaluation, checkpoint } = await trainer.run();
    expect(task.contexts.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(task.contexts.map(({ progress }) => progress)).toEqual([0.125, 0.375, 0.625, 0.875]);
    expect(events.join(', ')).toBe(
      'preview 0, step 1, step 2, preview 2, best 2, evaluate 2, warning 2, checkpoint 2, step 3, step 4, checkpoint 4, best 4, evaluate 4, warning 4',
    );
    expect(evaluation).toEqual({ sum: 10 });
    expect(best).toMatchObject({ metric: 'sum', value: 10, step: 4 });
    expect((await readCheckpoint(checkpoint!)).tensors.get('sum.total')!.data[0]).toBe(10);
    const log = await readTrainingLog(directory);
    expect(log.map(({ event }) => event).join(' ')).toBe('step step evaluate step step evaluate');
    expect(logCurve(log, 'evaluate', 'sum')).toEqual([
      [2, 3],
      [4, 10],
    ]);
    expect(logCurve(log, 'step', 'sum')).toEqual([]);
  });

  it('goes on from a checkpoint with variables, state and data', async () => {
    const openBatches = numbers(1, 2, 3, 4, 5);
    const stop = new AbortController();
    const first = new Trainer({ task: new Sum(), duration: { steps: 4 }, openBatches, directory });
    first.on('step', ({ step }) => step === 3 && stop.abort());
    expect(await first.run({ signal: stop.signal })).toMatchObject({ reason: 'aborted', step: 3 });
    const task = new Sum();
    const second = new Trainer({ task, duration: { steps: 4 }, openBatches, directory });
    expect(await second.resume(join(directory, 'another'))).toBe(false);
    expect(await second.resume(directory)).toBe(true);
    const counts: unknown[] = [];
    second.on('step', ({ values }) => void counts.push(values));
    expect(await second.run()).toMatchObject({ reason: 'finished', step: 4 });
    expect(counts).toEqual([{ loss: 4, count: 4 }]);
    expect(task.total.dataSync()[0]).toBe(10);
  });

  it('evaluates once where something new begins, and logs it once, also when it goes on from there', async () => {
    class Milestone extends Sum {
      isMilestone({ index }: StepContext): boolean {
        return index === 2;
      }
    }
    const options = { openBatches: numbers(1, 2, 3, 4, 5), directory, evaluation: {}, checkpoint: { everySteps: 1 } };
    const stop = new AbortController();
    const first = new Trainer({ task: new Milestone(), duration: { steps: 4 }, ...options });
    first.on('step', ({ step }) => step === 3 && stop.abort());
    await first.run({ signal: stop.signal });
    const logged = async (): Promise<string> =>
      (await readFile(join(directory, 'metrics.jsonl'), 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { event: string; step: number })
        .map(({ event, step }) => `${event} ${step}`)
        .join(', ');
    // From the step of the milestone, then from the end.
    for (const step of [2, 4]) {
      const again = new Trainer({ task: new Milestone(), duration: { steps: 4 }, ...options });
      await again.restore((await listCheckpoints(directory)).find((file) => file.step === step)!.file);
      await again.run();
      expect(await logged()).toBe('step 1, step 2, evaluate 2, step 3, step 4, evaluate 4');
    }
  });

  it('says where it goes back behind a checkpoint that its folder still holds', async () => {
    const options = { openBatches: numbers(1, 2, 3, 4), directory, checkpoint: { everySteps: 1, keep: 9 } };
    await new Trainer({ task: new Sum(), duration: { steps: 3 }, ...options }).run();
    const warnings: string[] = [];
    const goOn = async (step: number): Promise<void> => {
      const trainer = new Trainer({ task: new Sum(), duration: { steps: 3 }, ...options });
      trainer.on('warning', ({ code, message }) => void warnings.push(`${code}: ${message}`));
      await trainer.restore((await listCheckpoints(directory)).find((file) => file.step === step)!.file);
      await trainer.run();
    };
    await goOn(3);
    expect(warnings).toEqual([]);
    await goOn(1);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^later-checkpoints: .*checkpoint-00000003\.safetensors is of step 3, and this run goes on from step 1: /,
      ),
    ]);
  });

  it('may have been stopped before its first step', async () => {
    const openBatches = numbers(1, 2, 3);
    await new Trainer({ task: new Sum(), duration: { steps: 2 }, openBatches, directory }).run({
      signal: AbortSignal.abort(),
    });
    const trainer = new Trainer({ task: new Sum(), duration: { steps: 2 }, openBatches, directory });
    await trainer.restore(directory);
    expect(await trainer.run()).toMatchObject({ step: 2 });
  });

  it('finds a weight that is not finite before it is written', async () => {
    // The values of the step are finite; the weight is not.
    class Damaged extends Sum {
      override async step(batch: number, context: StepContext) {
        const result = await super.step(batch, context);
        if (context.index === 2) this.total.assign(tf.scalar(Infinity));
        return result;
      }
    }
    const openBatches = numbers(1, 2, 3, 4);
    const trainer = new Trainer({
      task: new Damaged(),
      duration: { steps: 4 },
      openBatches,
      directory,
      checkpoint: { everySteps: 1, keep: 9 },
    });
    const error: unknown = await trainer.run().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TrainingDivergedError);
    expect(error).toMatchObject({ step: 3, term: 'weights', layer: 'sum.total', weightsAreFinite: false });
    expect((error as Error).message).toMatch(
      /^training step 3: expected weights to be finite, got NaN \(weight sum\.total\)\. .*The last good checkpoint is .*00000002\.safetensors\./,
    );
    expect((await listCheckpoints(directory)).map(({ step }) => step)).toEqual([1, 2]);
  });

  it('names the first gradient that is not finite, when not all are', async () => {
    class Broken extends Sum {
      override async step(batch: number, context: StepContext) {
        const gradientNorms = new Map([
          ['first', 1],
          ['second', Infinity],
          ['third', NaN],
        ]);
        return { ...(await super.step(batch, context)), values: { loss: 1, gradientNorm: NaN }, gradientNorms };
      }
    }
    const error: unknown = await new Trainer({ task: new Broken(), duration: { steps: 1 }, openBatches: numbers(1, 2) })
      .run()
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ term: 'gradientNorm', layer: 'second', weightsAreFinite: true, batchIsFinite: true });
  });

  it('refuses intervals and counts that make no sense before it begins', () => {
    const create = (options: object) => (): unknown =>
      new Trainer({ task: new Sum(), duration: { steps: 1 }, openBatches: numbers(1), directory, ...options });
    expect(create({ checkpoint: { keep: 0 } })).toThrow(
      'Trainer: expected checkpoint.keep to be an integer of at least 1, got 0.',
    );
    expect(create({ checkpoint: { everySteps: 0.5 } })).toThrow('expected checkpoint.everySteps to be an integer');
    expect(create({ evaluation: { everySeconds: NaN } })).toThrow(
      'expected evaluation.everySeconds to be a finite number',
    );
  });

  it('refuses a checkpoint of another kind of training', async () => {
    await new Trainer({ task: new Sum(), duration: { steps: 1 }, openBatches: numbers(1, 2), directory }).run();
    class Product extends Sum {
      override readonly kind = 'product';
    }
    const other = new Trainer({ task: new Product(), duration: { steps: 1 }, openBatches: numbers(1, 2) });
    await expect(other.restore(directory)).rejects.toThrow(ConfigError);
    await expect(other.restore(directory)).rejects.toThrow('kind is "sum"');
  });
});
