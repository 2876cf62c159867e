import { TrainingDivergedError, type StepReport } from '@vitvq/training';
import '@tensorflow/tfjs';
import { rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listCheckpoints } from '@vitvq/checkpoint';
import {
  ConfigError,
  DataError,
  Module,
  randomKey,
  ShapeError,
  type QuantizeResult,
  type Quantizer,
} from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { ViTDecoder, ViTEncoder } from '@vitvq/layers';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  readStage1State,
  readTokenizerWeights,
  Stage1Trainer,
  type ImageBatchSource,
  type Stage1Plan,
  type Stage1Summary,
  type Stage1TrainerOptions,
} from '../src/index.js';
import { ViTVQ } from '@vitvq/tokenizer';
import { tinyBatches, tinyConfig, tinyImages, tinyModel, tinyStage1Plan } from '@vitvq/test-models';

let directory: string;

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitvq-stage1-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

function createTrainer(options: Partial<Stage1TrainerOptions> = {}): { trainer: Stage1Trainer; reports: StepReport[] } {
  const trainer = new Stage1Trainer({
    tokenizer: tinyModel(),
    plan: tinyStage1Plan(),
    openBatches: tinyBatches,
    ...options,
  });
  const reports: StepReport[] = [];
  trainer.on('step', (report) => void reports.push(report));
  return { trainer, reports };
}

/** Nothing but the contract. */
class PlainQuantizer extends Module implements Quantizer {
  readonly codebookSize = 16;
  readonly codeDim = 4;
  readonly codeDepth = 1;
  quantize(): QuantizeResult {
    throw new Error('not reached');
  }
  decode(): never {
    throw new Error('not reached');
  }
}

const losses = (reports: readonly StepReport[]): number[] => reports.map(({ values }) => values.loss!);

describe('Stage1Trainer', () => {
  it('trains by the plan and tells of each step', async () => {
    const { trainer, reports } = createTrainer();
    const summary = await trainer.run();
    expect(reports.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(reports.at(-1)).toMatchObject({ progress: 1, totalSteps: 6, remainingSeconds: 0 });
    expect(reports.map(({ values }) => values.revivedCodes === undefined)).toEqual([
      true,
      false,
      true,
      false,
      true,
      false,
    ]);
    expect(reports[0]!.values.learningRate).toBeGreaterThan(reports[5]!.values.learningRate!);
    expect(reports.every(({ values }) => values.loss! > 0 && values.gradientNorm! > 0)).toBe(true);
    expect(summary).toMatchObject({ reason: 'finished', step: 6, checkpoint: undefined, evaluation: undefined });
    expect(summary.examplesPerSecond).toBeGreaterThan(0);
  });

  it('gives the same numbers for the same plan', async () => {
    const [first, second] = [createTrainer(), createTrainer()];
    await first.trainer.run();
    await second.trainer.run();
    expect(losses(second.reports)).toEqual(losses(first.reports));
  });

  it('draws the codebook from the seed of the plan', async () => {
    const runs = [0, 5].map((seed) => {
      const openBatches = (startAt: number): ImageBatchSource => tinyBatches(startAt, 8);
      return createTrainer({ plan: tinyStage1Plan({ seed }), openBatches });
    });
    for (const { trainer } of runs) await trainer.run();
    expect(losses(runs[0]!.reports)).not.toEqual(losses(runs[1]!.reports));
  });

  it('stopped and resumed, goes on with the same numbers bit for bit', async () => {
    const straight = createTrainer();
    await straight.trainer.run();
    for (const stopAfter of [1, 3]) {
      const part = join(directory, String(stopAfter));
      const stop = new AbortController();
      const first = createTrainer({ directory: part });
      first.trainer.on('step', ({ step }) => step === stopAfter && stop.abort());
      const summary = await first.trainer.run({ signal: stop.signal });
      expect(summary).toMatchObject({ reason: 'aborted', step: stopAfter });

      const second = createTrainer({ directory: part, tokenizer: tinyModel({}, 99) });
      await second.trainer.restore(part);
      expect(second.trainer.step).toBe(stopAfter);
      await second.trainer.run();
      expect([...losses(first.reports), ...losses(second.reports)]).toEqual(losses(straight.reports));
      expect(second.reports.map(({ values }) => values.gradientNorm)).toEqual(
        straight.reports.slice(stopAfter).map(({ values }) => values.gradientNorm),
      );
    }
  });

  it('may begin as an autoencoder; the codebook starts from features at its share of the run, also after a stop', async () => {
    const plan = tinyStage1Plan({ codebook: { autoencoderShare: 0.5, initializeFromData: true, reviveEvery: 1 } });
    const straight = createTrainer({ plan });
    await straight.trainer.run();
    expect(straight.reports.map(({ values }) => values.revivedCodes === undefined)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    for (const stopAfter of [2, 3, 4]) {
      const part = join(directory, String(stopAfter));
      const stop = new AbortController();
      const first = createTrainer({ plan, directory: part });
      first.trainer.on('step', ({ step }) => step === stopAfter && stop.abort());
      await first.trainer.run({ signal: stop.signal });
      expect((await readStage1State(part)).quantizes).toBe(stopAfter > 3);
      const second = createTrainer({ plan, directory: part });
      await second.trainer.restore(part);
      await second.trainer.run();
      expect([...losses(first.reports), ...losses(second.reports)]).toEqual(losses(straight.reports));
    }
  });

  it('keeps a log that a resumed run continues without doubled lines', async () => {
    const first = createTrainer({ directory, checkpoint: { everySteps: 2, keep: 9 } });
    await first.trainer.run();
    const resumed = createTrainer({ directory });
    await resumed.trainer.restore((await listCheckpoints(directory))[0]!.file);
    await resumed.trainer.run();
    const lines = (await readFile(join(directory, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    const entries = lines.map((line) => JSON.parse(line) as { event: string; step: number; loss: number });
    expect(entries.map(({ event, step }) => `${event} ${step}`)).toEqual(
      [1, 2, 3, 4, 5, 6].map((step) => `step ${step}`),
    );
    expect(entries.map(({ loss }) => loss)).toEqual(losses(first.reports));
  });

  it('saves now and then and at the end, and keeps the newest', async () => {
    const saved: number[] = [];
    const { trainer } = createTrainer({ directory, checkpoint: { everySteps: 2, keep: 2 }, notes: { colour: 'red' } });
    trainer.on('checkpoint', ({ step }) => void saved.push(step));
    const summary = await trainer.run();
    expect(saved).toEqual([2, 4, 6]);
    const files = await listCheckpoints(directory);
    expect(files.map(({ step }) => step)).toEqual([4, 6]);
    expect(summary.checkpoint).toBe(files[1]!.file);
    const state = await readStage1State(directory);
    expect(state).toMatchObject({ step: 6, plan: trainer.plan, dataPosition: 6, notes: { colour: 'red' } });
    expect(state.elapsedSeconds).toBeGreaterThan(0);
    const model = tinyModel({}, 7);
    model.loadVariables(await readTokenizerWeights(directory));
    expect(model.quantizer.codebook.weights.dataSync()).toEqual(
      (await readTokenizerWeights(directory)).get('quantizer.codebook')!.data,
    );
  });

  it('measures on held-out images now and then and at the end', async () => {
    const evaluation = { images: tinyImages(6, 77), everySteps: 4, batchSize: 4 };
    const { trainer } = createTrainer({ directory, evaluation });
    const seen: number[] = [];
    trainer.on('evaluate', ({ step, count, psnr }) => void seen.push(step, count, psnr));
    const summary = await trainer.run();
    expect(seen.filter((_, index) => index % 3 === 0)).toEqual([4, 6]);
    expect(seen[1]).toBe(6);
    expect(summary.evaluation!.psnr).toBe(seen[5]);
    const log = await readFile(join(directory, 'metrics.jsonl'), 'utf8');
    expect(log).toContain('"event":"evaluate","step":4');
  });

  it('works by time: the learning rate comes down to its end whatever the speed', async () => {
    const plan = tinyStage1Plan({ duration: { minutes: 1 } });
    const { trainer, reports } = createTrainer({ plan });
    // A clock that goes on by a quarter of a second whenever it is looked at.
    let milliseconds = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (milliseconds += 250));
    const summary = await trainer.run();
    clock.mockRestore();
    expect(summary.elapsedSeconds).toBeGreaterThanOrEqual(60);
    expect(summary.elapsedSeconds).toBeLessThanOrEqual(61);
    const rates = reports.map(({ values }) => values.learningRate!);
    expect(Math.max(...rates)).toBeGreaterThan(0.9 * plan.learningRate.peak);
    expect(rates.at(-1)).toBeLessThan(0.05 * plan.learningRate.peak);
    const { progress, elapsedSeconds, remainingSeconds } = reports.at(-1)!;
    expect(progress).toBeGreaterThan(0.95);
    expect(elapsedSeconds + remainingSeconds).toBeCloseTo(60);
  });

  it('resumes the clock of a run by time', async () => {
    const plan = tinyStage1Plan({ duration: { minutes: 1 } });
    const stop = new AbortController();
    const first = createTrainer({ plan, directory });
    first.trainer.on('step', ({ step }) => step === 3 && stop.abort());
    const { elapsedSeconds } = await first.trainer.run({ signal: stop.signal });
    const second = createTrainer({ plan, directory });
    const stopAgain = new AbortController();
    second.trainer.on('step', () => stopAgain.abort());
    await second.trainer.restore(directory);
    await second.trainer.run({ signal: stopAgain.signal });
    expect(second.reports[0]!.elapsedSeconds).toBeGreaterThan(elapsedSeconds);
    expect(second.reports[0]!.elapsedSeconds).toBeLessThan(elapsedSeconds + 20);
  });

  it('saves at once when it was aborted before it began', async () => {
    const { trainer } = createTrainer({ directory });
    const summary = await trainer.run({ signal: AbortSignal.abort() });
    expect(summary).toMatchObject({ reason: 'aborted', step: 0 });
    expect((await listCheckpoints(directory)).map(({ step }) => step)).toEqual([0]);
  });

  it('stops on NaN, names step, term and gradients, and keeps the last good checkpoint', async () => {
    const plan = tinyStage1Plan();
    const { trainer, reports } = createTrainer({
      directory,
      plan,
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

  it('stops when the loss explodes', async () => {
    const plan = tinyStage1Plan({
      learningRate: { peak: 1e30, end: 0, warmup: 0 },
      clipNorm: null,
      duration: { steps: 50 },
    });
    const error = await createTrainer({ plan })
      .trainer.run()
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TrainingDivergedError);
    expect((error as Error).message).toMatch(
      /No checkpoint had been written yet\. Lower the learning rate or clip gradients\.$/,
    );
  });

  it('goes on when a checkpoint or the log cannot be written, and says so', async () => {
    const place = join(directory, 'run');
    const { trainer } = createTrainer({ directory: place, checkpoint: { everySteps: 2 } });
    const warnings: string[] = [];
    trainer.on('warning', ({ step, code, message }) => void warnings.push(`${step} ${code}: ${message}`));
    trainer.on('step', ({ step }) => {
      if (step === 2) {
        rmSync(place, { recursive: true });
        writeFileSync(place, 'in the way');
      }
      if (step === 3) rmSync(place);
    });
    const summary = await trainer.run();
    expect(warnings.filter((warning) => !warning.includes('log-failed'))).toEqual([
      expect.stringMatching(/^2 checkpoint-failed: .*run.* Training goes on; the next checkpoint may succeed\.$/),
    ]);
    expect(warnings).toContainEqual(expect.stringContaining('2 log-failed: A log could not be written'));
    expect((await readStage1State(summary.checkpoint!)).step).toBe(6);
  });

  it('closes the data, also after an error', async () => {
    const sources: ReturnType<typeof tinyBatches>[] = [];
    const openBatches = (startAt: number): ReturnType<typeof tinyBatches> => {
      sources.push(tinyBatches(startAt));
      return sources.at(-1)!;
    };
    await createTrainer({ openBatches }).trainer.run();
    const failing = createTrainer({ openBatches }).trainer;
    failing.on('step', () => {
      throw new Error('a listener that fails');
    });
    await expect(failing.run()).rejects.toThrow('a listener that fails');
    expect(sources.map(({ closed }) => closed)).toEqual([true, true]);
  });

  it('passes on what goes wrong with the data', async () => {
    const openBatches: Stage1TrainerOptions['openBatches'] = (startAt) => {
      const source = tinyBatches(startAt);
      let count = 0;
      return {
        next: () => (++count > 2 ? Promise.reject(new Error('disk on fire')) : source.next()),
        close: () => undefined,
      };
    };
    await expect(createTrainer({ openBatches }).trainer.run()).rejects.toThrow('disk on fire');
  });

  it('names all problems of a plan at once', () => {
    const plan = {
      ...tinyStage1Plan(),
      duration: { steps: 0 },
      clipNorm: -1,
      seed: 0.5,
      momentum: 1,
    } as unknown as Stage1Plan;
    const create = (): unknown => createTrainer({ plan });
    expect(create).toThrow(ConfigError);
    for (const problem of ['duration.steps is 0', 'clipNorm is -1', 'seed is 0.5', 'unknown option "momentum"']) {
      expect(create).toThrow(problem);
    }
    const noPixels = { ...tinyStage1Plan(), losses: { l1: 0, l2: 0, logitLaplace: 0, quantizer: 1 } };
    expect(() => createTrainer({ plan: noPixels })).toThrow('expected a reconstruction loss with a weight above 0');
  });

  it('refuses to care for a codebook that offers no way', () => {
    const quantizer = new PlainQuantizer();
    const shared = { ...tinyConfig.encoder, key: randomKey(0), imageSize: 8, patchSize: 4 };
    const plain = new ViTVQ({
      encoder: new ViTEncoder(shared),
      decoder: new ViTDecoder(shared),
      quantizer,
      key: randomKey(0),
    });
    expect(() => createTrainer({ tokenizer: plain })).toThrow(
      'Stage1Trainer plan.codebook.initializeFromData: expected a quantizer with a codebook, which can start from data, got PlainQuantizer.',
    );
  });

  it('refuses to write into the folder of another run', async () => {
    await createTrainer({ directory }).trainer.run();
    await expect(createTrainer({ directory }).trainer.run()).rejects.toThrow(
      /without checkpoints for a new run.*Call restore/,
    );
  });

  it('refuses to resume with another plan or model, naming what differs', async () => {
    await createTrainer({ directory }).trainer.run();
    const plan = tinyStage1Plan({ clipNorm: 2, learningRate: { ...tinyStage1Plan().learningRate, peak: 1 } });
    const otherPlan = createTrainer({ plan }).trainer.restore(directory);
    await expect(otherPlan).rejects.toThrow(ConfigError);
    await expect(otherPlan).rejects.toThrow('plan.learningRate.peak 0.001 instead of 1; plan.clipNorm 1 instead of 2.');
    const otherModel = createTrainer({ tokenizer: tinyModel({ quantizer: { codebookSize: 32 } }) }).trainer.restore(
      directory,
    );
    await expect(otherModel).rejects.toThrow(ShapeError);
    await expect(otherModel).rejects.toThrow('tokenizer.quantizer.codebook [16, 4] instead of [32, 4]');
    await expect(createTrainer().trainer.restore(join(directory, 'nowhere'))).rejects.toThrow(DataError);
  });

  it('writes nothing without a directory', async () => {
    await createTrainer().trainer.run();
    expect(await readdir(directory)).toEqual([]);
  });

  it('tells of the end', async () => {
    const { trainer } = createTrainer();
    const ends: Stage1Summary[] = [];
    trainer.on('end', (summary) => void ends.push(summary));
    const summary = await trainer.run();
    expect(ends).toEqual([summary]);
    trainer.dispose();
  });
});
