import '@tensorflow/tfjs';
import { rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listCheckpoints, readCheckpoint } from '@vitvq/checkpoint';
import { ConfigError } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  readTrainingLog,
  readTrainingState,
  Trainer,
  TrainingDivergedError,
  type StepReport,
  type TrainerOptions,
} from '../src/index.js';
import { z } from 'zod';
import { numbers, Sum } from './sum-task.js';

let directory: string;

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitvq-run-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

type Options = Partial<TrainerOptions<number, { sum: number }, { sum: number }>>;

function create(options: Options = {}): {
  trainer: Trainer<number, { sum: number }, { sum: number }>;
  reports: StepReport[];
  warnings: string[];
} {
  const openBatches = numbers(...Array.from({ length: 2000 }, (_, index) => index + 1));
  const trainer = new Trainer({ task: new Sum(), duration: { steps: 6 }, openBatches, ...options });
  const reports: StepReport[] = [];
  const warnings: string[] = [];
  trainer.on('step', (report) => void reports.push(report));
  trainer.on('warning', ({ step, code, message }) => void warnings.push(`${step} ${code}: ${message}`));
  return { trainer, reports, warnings };
}

describe('a run by time', () => {
  it('goes by the clock, and ends when the time is over', async () => {
    const { trainer, reports } = create({ duration: { minutes: 1 } });
    // A clock that goes on by a quarter of a second whenever it is read.
    let milliseconds = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (milliseconds += 250));
    const summary = await trainer.run();
    clock.mockRestore();
    expect(summary.elapsedSeconds).toBeGreaterThanOrEqual(60);
    expect(summary.elapsedSeconds).toBeLessThanOrEqual(61);
    const { progress, elapsedSeconds, remainingSeconds } = reports.at(-1)!;
    expect(progress).toBeGreaterThan(0.95);
    expect(elapsedSeconds + remainingSeconds).toBeCloseTo(60);
  });

  it('resumes its clock', async () => {
    const options: Options = { duration: { minutes: 1 }, directory };
    const stop = new AbortController();
    const first = create(options);
    first.trainer.on('step', ({ step }) => step === 3 && stop.abort());
    const { elapsedSeconds } = await first.trainer.run({ signal: stop.signal });
    const second = create(options);
    const stopAgain = new AbortController();
    second.trainer.on('step', () => stopAgain.abort());
    await second.trainer.restore(directory);
    await second.trainer.run({ signal: stopAgain.signal });
    expect(second.reports[0]!.elapsedSeconds).toBeGreaterThan(elapsedSeconds);
    expect(second.reports[0]!.elapsedSeconds).toBeLessThan(elapsedSeconds + 20);
  });
});

describe('a clock that jumps', () => {
  afterEach(() => vi.useRealTimers());

  it.each([-1, 1])('by %d years moves neither the end of a run nor its intervals', async (years) => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const start = Date.now();
    const saved: number[] = [];
    const milliseconds = { now: 0 };
    // Each step takes a second; the clock of the machine goes its own way.
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => milliseconds.now);
    const { trainer, reports, warnings } = create({
      duration: { minutes: 1 },
      directory,
      checkpoint: { everySeconds: 10, keep: 2 },
      evaluation: { everySeconds: 20 },
    });
    const evaluated: number[] = [];
    trainer.on('checkpoint', ({ step }) => void saved.push(step));
    trainer.on('evaluate', ({ step }) => void evaluated.push(step));
    trainer.on('step', ({ step }) => {
      milliseconds.now += 1000;
      vi.setSystemTime(start + (step % 2) * years * 365 * 86_400_000);
    });
    await trainer.run();
    clock.mockRestore();
    expect(reports.at(-1)!.step).toBe(60);
    expect(saved).toEqual([10, 20, 30, 40, 50, 60]);
    expect(evaluated).toEqual([20, 40, 60]);
    expect(warnings.filter((warning) => !/ sum: /.test(warning))).toEqual([]);
    expect((await readTrainingLog(directory)).filter(({ event }) => event === 'step')).toHaveLength(60);
  });
});

describe('logs and checkpoints', () => {
  it('are continued by a resumed run without doubled lines', async () => {
    await create({ directory, checkpoint: { everySteps: 2, keep: 9 } }).trainer.run();
    const resumed = create({ directory }).trainer;
    await resumed.restore((await listCheckpoints(directory))[0]!.file);
    await resumed.run();
    const log = await readTrainingLog(directory);
    expect(log.map(({ event, step }) => `${event} ${step}`)).toEqual([1, 2, 3, 4, 5, 6].map((step) => `step ${step}`));
    expect(log.map(({ loss }) => loss)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('are kept as asked, with notes and the config', async () => {
    const saved: number[] = [];
    const { trainer } = create({ directory, checkpoint: { everySteps: 2, keep: 2 }, notes: { colour: 'red' } });
    trainer.on('checkpoint', ({ step }) => void saved.push(step));
    const summary = await trainer.run();
    expect(saved).toEqual([2, 4, 6]);
    const files = await listCheckpoints(directory);
    expect(files.map(({ step }) => step)).toEqual([4, 6]);
    expect(summary.checkpoint).toBe(files[1]!.file);
    const state = await readTrainingState(directory, 'sum', z.record(z.string(), z.unknown()));
    expect(state).toMatchObject({ step: 6, config: trainer.config, dataPosition: 6, notes: { colour: 'red' } });
    expect(state.elapsedSeconds).toBeGreaterThan(0);
    await expect(readTrainingState(directory, 'product', z.unknown())).rejects.toThrow('kind is "sum"');
  });

  it('that cannot be written are warnings', async () => {
    const place = join(directory, 'run');
    const { trainer, warnings } = create({ directory: place, checkpoint: { everySteps: 2 } });
    trainer.on('step', ({ step }) => {
      if (step === 2) {
        rmSync(place, { recursive: true });
        writeFileSync(place, 'in the way');
      }
      if (step === 3) rmSync(place);
    });
    const summary = await trainer.run();
    expect(warnings).toEqual([
      expect.stringMatching(/^2 checkpoint-failed: .*run.* Training goes on; the next checkpoint may succeed\.$/),
      expect.stringMatching(/^4 directory-lost: .*run has been removed, moved or replaced .* has taken it anew\./),
    ]);
    expect((await readCheckpoint(summary.checkpoint!)).step).toBe(6);
  });

  it('keep the best evaluation beside the newest', async () => {
    // The sum rises to 10 and falls again.
    const openBatches = numbers(1, 9, -3, -3, -3, -3, 0);
    const options: Options = {
      directory,
      openBatches,
      evaluation: { everySteps: 2 },
      best: { metric: 'sum', mode: 'highest' },
      checkpoint: { everySteps: 2, keep: 1 },
    };
    const summary = await create(options).trainer.run();
    expect(summary.best).toMatchObject({ metric: 'sum', value: 10, step: 2 });
    expect((await listCheckpoints(join(directory, 'best'))).map(({ step }) => step)).toEqual([2]);
    expect((await listCheckpoints(directory)).map(({ step }) => step)).toEqual([6]);
    expect((await readCheckpoint(summary.best!.file!)).tensors.get('sum.total')!.data[0]).toBe(10);
    const resumed = create(options).trainer;
    await resumed.restore(directory);
    expect(resumed.best).toMatchObject({ value: 10, step: 2 });
    const unknown = create({ evaluation: {}, best: { metric: 'beauty', mode: 'highest' } }).trainer;
    await expect(unknown.run()).rejects.toThrow(/best\.metric: expected one of sum, got "beauty"/);
  });

  it('are not written without a directory, and event files only where they are wanted', async () => {
    await create().trainer.run();
    expect(await readdir(directory)).toEqual([]);
    await create({ directory, tensorBoard: false }).trainer.run();
    expect((await readdir(directory)).sort()).toEqual(['checkpoint-00000006.safetensors', 'metrics.jsonl']);
    const watched = join(directory, 'watched');
    await create({ directory: watched, evaluation: {}, preview: { steps: [0] } }).trainer.run();
    const events = (await readdir(watched)).filter((name) => name.startsWith('events.out.tfevents.'));
    expect(events).toHaveLength(1);
    const content = await readFile(join(watched, events[0]!), 'latin1');
    for (const tag of ['train/loss', 'evaluate/sum', 'preview/dot', 'weights/sum.total'])
      expect(content).toContain(tag);
  });

  it('of another run are refused', async () => {
    await create({ directory }).trainer.run();
    await expect(create({ directory }).trainer.run()).rejects.toThrow(
      /without checkpoints for a new run.*Call restore/,
    );
  });
});

describe('data', () => {
  it('is closed, also after an error', async () => {
    let closed = 0;
    const openBatches = () => ({ next: () => Promise.resolve(1), close: () => void closed++ });
    await create({ openBatches }).trainer.run();
    const failing = create({ openBatches }).trainer;
    failing.on('step', () => {
      throw new Error('a listener that fails');
    });
    await expect(failing.run()).rejects.toThrow('a listener that fails');
    expect(closed).toBe(2);
  });

  it('that fails ends the run with its error', async () => {
    let count = 0;
    const openBatches = () => ({
      next: () => (++count > 2 ? Promise.reject(new Error('disk on fire')) : Promise.resolve(1)),
      close: () => undefined,
    });
    await expect(create({ openBatches }).trainer.run()).rejects.toThrow('disk on fire');
  });

  it('of another fingerprint is refused, unless the change is meant', async () => {
    const data = (fingerprint: string) => (startAt: number) => ({
      ...numbers(1, 2, 3, 4, 5, 6, 7)(startAt),
      fingerprint,
    });
    await create({ directory, openBatches: data('flowers') }).trainer.run();
    const refused = create({ directory, openBatches: data('birds') }).trainer;
    await refused.restore(directory);
    await expect(refused.run()).rejects.toThrow(
      'Trainer, data: expected the data that the run began with (flowers), got birds.',
    );
    const meant = create({ directory, openBatches: data('birds') }).trainer;
    await meant.restore(directory, { allowChanges: ['data'] });
    expect(await meant.run()).toMatchObject({ reason: 'finished' });
  });
});

describe('a changed config', () => {
  it('is refused with a list of differences, unless they are meant', async () => {
    await create({ directory }).trainer.run();
    const changed = () => create({ directory, task: new Sum({ colour: 'blue', size: { width: 2 } }) }).trainer;
    const refused = changed().restore(directory);
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow(
      'got colour "red" instead of "blue"; size.width 1 instead of 2. Go on with the config of the checkpoint, or, if the change is meant, call restore(path, { allowChanges: [\'colour\', \'size.width\'] }).',
    );
    await expect(changed().restore(directory, { allowChanges: ['size'] })).rejects.toThrow("allowChanges: ['colour']");
    const meant = changed();
    await meant.restore(directory, { allowChanges: ['size', 'colour'] });
    expect(meant.step).toBe(6);
  });
});

describe('a step that fails', () => {
  const openBatches = numbers(1, NaN, 3, NaN, NaN, 6, 7);

  it('is counted where it is skipped', async () => {
    class Careful extends Sum {
      override async step(...[batch, context]: Parameters<Sum['step']>) {
        if (Number.isFinite(batch)) return super.step(batch, context);
        return { examples: 1, values: { loss: batch }, gradientNorms: new Map<string, number>() };
      }
    }
    const nonFinite = { action: 'skip', maximumInRow: 2 } as const;
    const { trainer, reports, warnings } = create({ task: new Careful(), openBatches, nonFinite });
    const summary = await trainer.run();
    expect(reports.map(({ skipped }) => skipped)).toEqual([false, true, false, true, true, false]);
    expect(reports.map(({ skippedSteps }) => skippedSteps)).toEqual([0, 1, 1, 2, 3, 3]);
    expect(summary).toMatchObject({ reason: 'finished', step: 6, skippedSteps: 3 });
    expect(warnings[0]).toBe('2 step-skipped: loss was NaN; its update was left out (1 skipped so far).');
    const strict = create({ task: new Careful(), openBatches, nonFinite: { action: 'skip', maximumInRow: 1 } });
    const error: unknown = await strict.trainer.run().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TrainingDivergedError);
    expect(error).toMatchObject({
      step: 5,
      term: 'loss',
      skippedInRow: 1,
      batchIsFinite: false,
      weightsAreFinite: true,
    });
  });

  it('stops the run otherwise', async () => {
    await expect(create({ openBatches }).trainer.run()).rejects.toThrow(/^training step 2: expected loss to be finite/);
  });
});

describe('the end', () => {
  it('is told, and listeners can be taken away', async () => {
    const { trainer } = create();
    const ends: unknown[] = [];
    const removed = vi.fn();
    trainer.on('end', (summary) => void ends.push(summary)).on('step', removed);
    trainer.off('step', removed);
    expect(ends).toEqual([]);
    const summary = await trainer.run();
    expect(ends).toEqual([summary]);
    expect(removed).not.toHaveBeenCalled();
    trainer.dispose();
  });
});
