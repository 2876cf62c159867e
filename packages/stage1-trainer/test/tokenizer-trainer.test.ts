import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listCheckpoints } from '@vitvq/checkpoint';
import { type StepReport } from '@vitvq/training';
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
import { vanillaAdversarialLoss } from '@vitvq/losses';
import { tinyBatches, tinyConfig, tinyModel, tinyTokenizerTraining } from '@vitvq/test-models';
import '@vitvq/test-utils';
import { createTokenizer, VQTokenizer } from '@vitvq/tokenizer';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createTokenizerTrainer,
  readTokenizerTraining,
  readTokenizerWeights,
  type ImageBatchSource,
  type TokenizerTrainer,
  type TokenizerTrainerOptions,
} from '../src/index.js';
import { tinyGanConfig, tinyGanTrainer, tinyPatchDiscriminator } from './tiny-gan.js';

let directory: string;

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitvq-tokenizer-'));
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

describe('createTokenizerTrainer', () => {
  it('trains by the plan and tells of each step', async () => {
    const { trainer, reports } = createTrainer();
    const summary = await trainer.run();
    expect(reports.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(reports.at(-1)).toMatchObject({ progress: 1, totalSteps: 6, remainingSeconds: 0 });
    expect(reports.map(({ values }) => values.resetCodes === undefined)).toEqual([
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
      return createTrainer({ config: tinyTokenizerTraining({ seed }), openBatches });
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

  const table = { codebookSize: 16, codeDim: 4, normalize: false, trackUsage: true } as const;
  it.each([
    ['moving averages', { kind: 'ema', ...table }],
    [
      'residual levels',
      { kind: 'residual', codeDepth: 3, codebooks: 'separate', quantizer: { kind: 'vector', ...table } },
    ],
    [
      'residual levels of moving averages',
      { kind: 'residual', codeDepth: 2, codebooks: 'separate', quantizer: { kind: 'ema', ...table } },
    ],
    ['a table that residual levels share', { kind: 'residual', codeDepth: 2, quantizer: { kind: 'vector', ...table } }],
  ] as const)('starts and resets the codes of %s, also after a stop, bit for bit', async (_, quantizer) => {
    const create = (seed: number): VQTokenizer => createTokenizer({ ...tinyConfig, quantizer }, { seed });
    const values = (tokenizer: VQTokenizer): number[][] =>
      [...tokenizer.namedVariables().values()].map((variable) => [...variable.dataSync()]);
    const tokenizer = create(1);
    const straight = createTrainer({ tokenizer });
    await straight.trainer.run();
    const resets = straight.reports.map(({ values: { resetCodes } }) => resetCodes);
    expect(resets.map((count) => count !== undefined)).toEqual([false, true, false, true, false, true]);
    expect(resets.some((count) => count! > 0)).toBe(true);
    const config = tinyTokenizerTraining({
      codebook: { ...tinyTokenizerTraining().codebook, initializeFromData: false },
    });
    const random = createTrainer({ tokenizer: create(1), config });
    await random.trainer.run();
    expect(losses(random.reports)[0]).not.toEqual(losses(straight.reports)[0]);

    const stop = new AbortController();
    const first = createTrainer({ tokenizer: create(1), directory });
    first.trainer.on('step', ({ step }) => step === 3 && stop.abort());
    await first.trainer.run({ signal: stop.signal });
    const resumed = create(99);
    const second = createTrainer({ tokenizer: resumed, directory });
    await second.trainer.restore(directory);
    await second.trainer.run();
    expect([...losses(first.reports), ...losses(second.reports)]).toEqual(losses(straight.reports));
    expect(values(resumed)).toEqual(values(tokenizer));
  });

  it('may begin as an autoencoder; the codebook starts from features at its share of the run, also after a stop', async () => {
    const config = tinyTokenizerTraining({
      codebook: { autoencoderFraction: 0.5, initializeFromData: true, resetEvery: 1 },
    });
    const straight = createTrainer({ config });
    await straight.trainer.run();
    expect(straight.reports.map(({ values }) => values.resetCodes === undefined)).toEqual([
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
      const first = createTrainer({ config, directory: part });
      first.trainer.on('step', ({ step }) => step === stopAfter && stop.abort());
      await first.trainer.run({ signal: stop.signal });
      expect((await readTokenizerTraining(part)).phase.quantize).toBe(stopAfter > 3);
      const second = createTrainer({ config, directory: part });
      await second.trainer.restore(part);
      await second.trainer.run();
      expect([...losses(first.reports), ...losses(second.reports)]).toEqual(losses(straight.reports));
    }
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
    const state = await readTokenizerTraining(directory);
    expect(state).toMatchObject({
      step: 6,
      config: trainer.config['training'],
      dataPosition: 6,
      notes: { colour: 'red' },
    });
    expect(state.elapsedSeconds).toBeGreaterThan(0);
    const model = tinyModel({}, 7);
    model.loadVariables(await readTokenizerWeights(directory));
    expect(model.quantizer.codebook.weights.dataSync()).toEqual(
      (await readTokenizerWeights(directory)).get('quantizer.codebook')!.data,
    );
  });

  it('refuses to care for a codebook that offers no way', () => {
    const quantizer = new PlainQuantizer();
    const shared = { ...tinyConfig.encoder, key: randomKey(0), imageSize: 8, patchSize: 4 };
    const plain = new VQTokenizer({
      encoder: new ViTEncoder(shared),
      decoder: new ViTDecoder(shared),
      quantizer,
      key: randomKey(0),
    });
    expect(() => createTrainer({ tokenizer: plain })).toThrow(
      'createCodebookInitialization: expected a quantizer with a codebook, which can start from data, got PlainQuantizer.',
    );
  });

  it('refuses to resume with another plan or model, naming what differs', async () => {
    await createTrainer({ directory }).trainer.run();
    const config = tinyTokenizerTraining({
      clipNorm: 2,
      learningRate: { ...tinyTokenizerTraining().learningRate, peak: 1 },
    });
    const otherPlan = createTrainer({ config }).trainer.restore(directory);
    await expect(otherPlan).rejects.toThrow(ConfigError);
    await expect(otherPlan).rejects.toThrow(
      'training.learningRate.peak 0.001 instead of 1; training.clipNorm 1 instead of 2.',
    );
    const otherModel = createTrainer({ tokenizer: tinyModel({ quantizer: { codebookSize: 32 } }) }).trainer.restore(
      directory,
    );
    await expect(otherModel).rejects.toThrow(ShapeError);
    await expect(otherModel).rejects.toThrow('tokenizer.quantizer.codebook [16, 4] instead of [32, 4]');
    await expect(createTrainer().trainer.restore(join(directory, 'nowhere'))).rejects.toThrow(DataError);
  });
});

describe('a change of config', () => {
  it('is refused with a list of differences, unless the change is meant', async () => {
    await train({ directory, config: tinyGanConfig(), modelConfig: { depth: 1, colour: 'red' } });
    const changed = (): TokenizerTrainer =>
      tinyGanTrainer({
        directory,
        config: tinyGanConfig({ duration: { steps: 8 }, clipNorm: 2 }, { learningRateScale: 2 }),
        adversarial: { discriminator: tinyPatchDiscriminator(), loss: vanillaAdversarialLoss },
        modelConfig: { depth: 2, colour: 'red' },
      });
    await expect(changed().restore(directory)).rejects.toThrow(
      'got training.duration.steps 6 instead of 8; training.clipNorm 1 instead of 2; training.discriminator.learningRateScale 1 instead of 2; adversarialLoss "hingeAdversarialLoss" instead of "vanillaAdversarialLoss"; model.depth 1 instead of 2.',
    );
    await expect(
      changed().restore(directory, { allowChanges: ['training.duration', 'training.clip'] }),
    ).rejects.toThrow(
      "allowChanges: ['training.clipNorm', 'training.discriminator.learningRateScale', 'adversarialLoss', 'model.depth']",
    );
    const meant = changed();
    await meant.restore(directory, { allowChanges: ['training', 'adversarialLoss', 'model.depth'] });
    expect(await meant.run()).toMatchObject({ step: 8, reason: 'finished' });
    const all = changed();
    await all.restore(directory, { allowChanges: true });
    expect(all.step).toBe(8);
  });

  it('may add an EMA or a discriminator, which start afresh', async () => {
    await train({ directory, config: tinyTokenizerTraining() });
    const tokenizer = tinyModel({}, 9);
    const trainer = tinyGanTrainer({ directory, tokenizer, config: tinyGanConfig({ duration: { steps: 8 } }) });
    await trainer.restore(directory, { allowChanges: true });
    const weights = await readTokenizerWeights(directory);
    await trainer.withEMA(async () => {
      for (const [name, variable] of tokenizer.namedTrainableVariables()) {
        expect(variable.dataSync(), name).toEqual(weights.get(name)!.data);
      }
    });
    expect(await trainer.run()).toMatchObject({ step: 8, reason: 'finished' });
  });
});
