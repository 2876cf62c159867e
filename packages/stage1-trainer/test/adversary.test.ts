import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { readCheckpoint } from '@vitvq/checkpoint';
import { gradientStep, learningRateAt, type StepReport } from '@vitvq/training';
import { randomKey } from '@vitvq/core';
import { StyleDiscriminator, styleDiscriminatorChannels } from '@vitvq/discriminator';
import { useEngine } from '@vitvq/engine';
import { hingeAdversarialLoss } from '@vitvq/losses';
import { AdamW, decayGroups } from '@vitvq/optim';
import { tinyBatches, tinyImages, tinyModel, tinyTokenizerTraining } from '@vitvq/test-models';
import '@vitvq/test-utils';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createDiscriminatorGradients,
  createTokenizerGradients,
  readTokenizerTraining,
  type DiscriminatorTrainingConfig,
  type TokenizerTrainer,
  type TokenizerTrainerOptions,
  type TokenizerTrainingConfig,
} from '../src/index.js';
import { adamOf, tinyDiscriminator, tinyGanConfig, tinyGanTrainer, tinyPatchDiscriminator } from './tiny-gan.js';

let directory: string;

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitvq-adversary-'));
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

const valuesOf = (reports: readonly StepReport[], name: string): (number | undefined)[] =>
  reports.map(({ values }) => values[name]);

describe('training against a discriminator', () => {
  it('is the step of the autoencoder, then that of the discriminator on what the updated one makes', async () => {
    const config = tinyGanConfig(
      {
        duration: { steps: 3 },
        codebook: { autoencoderFraction: 0, initializeFromData: false, resetEvery: 0 },
        ema: null,
      },
      { leCam: null },
    );
    const [trained, byHand] = [tinyModel(), tinyModel()];
    const [trainedAgainst, byHandAgainst] = [tinyDiscriminator(), tinyDiscriminator()];
    const reports = await train({
      config,
      tokenizer: trained,
      adversarial: { discriminator: trainedAgainst, loss: hingeAdversarialLoss },
    });

    const { weightDecay, ...moments } = adamOf(config);
    const adversarial = { discriminator: byHandAgainst, loss: hingeAdversarialLoss };
    const optimizer = new AdamW(decayGroups(byHand.namedTrainableVariables(), weightDecay), moments);
    const autoencoder = gradientStep(
      createTokenizerGradients({ tokenizer: byHand, weights: config.losses, adversarial }),
      {
        optimizer,
        clipNorm: config.clipNorm,
      },
    );
    const against = new AdamW(decayGroups(byHandAgainst.namedTrainableVariables(), weightDecay), moments);
    const discriminator = [true, false].map((withR1) => {
      // Every second step, twice as strong.
      const r1 = withR1 ? { weight: 2 } : undefined;
      return gradientStep(createDiscriminatorGradients({ tokenizer: byHand, ...adversarial, r1 }), {
        optimizer: against,
      });
    });
    const batches = tinyBatches(0);
    for (const index of [0, 1, 2]) {
      const { images, shape } = await batches.next();
      const tensor = tf.tensor4d(images, shape as [number, number, number, number]);
      const rate = tf.scalar(learningRateAt(config.learningRate)((index + 0.5) / 3));
      const made = autoencoder(rate, tensor).values;
      const judged = discriminator[index % 2]!(rate, tensor).values;
      const { values } = reports[index]!;
      for (const name of ['loss', 'l2', 'quantizer', 'adversarial', 'gradientNorm']) {
        expect(values[name], name).toBe(made[name]!.dataSync()[0]);
      }
      for (const name of ['discriminator', 'logitsReal', 'logitsFake', 'r1']) {
        expect(values[name], name).toBe(judged[name]?.dataSync()[0]);
      }
      expect(values.discriminatorGradientNorm).toBe(judged.gradientNorm!.dataSync()[0]);
    }
    for (const [expected, got] of [
      [byHand, trained],
      [byHandAgainst, trainedAgainst],
    ] as const) {
      const variables = got.namedVariables();
      for (const [name, variable] of expected.namedVariables()) {
        expect(variables.get(name)!.dataSync(), name).toEqual(variable.dataSync());
      }
    }
  });

  it.each<[DiscriminatorTrainingConfig['start'], number]>([
    [{ step: 0 }, 0],
    [{ step: 4 }, 4],
    [{ fraction: 0.5 }, 3],
  ])('leaves the discriminator alone before its start %o', async (start, first) => {
    const discriminator = tinyPatchDiscriminator();
    const values = (): Float32Array[] =>
      discriminator.trainableVariables().map((variable) => variable.dataSync<'float32'>().slice());
    const before = values();
    const trainer = tinyGanTrainer({
      adversarial: { discriminator, loss: hingeAdversarialLoss },
      config: tinyGanConfig({}, { start }),
    });
    const reports: StepReport[] = [];
    trainer.on('step', (report) => {
      reports.push(report);
      if (report.step <= first) expect(values()).toEqual(before);
      else expect(values()).not.toEqual(before);
    });
    await trainer.run();
    const started = reports.map((_, index) => index >= first);
    for (const name of ['discriminator', 'adversarial', 'logitsFake', 'leCam']) {
      expect(valuesOf(reports, name).map((value) => value !== undefined)).toEqual(started);
    }
    // R1 at even steps, counted from the first step of the run.
    expect(valuesOf(reports, 'r1').map((value) => value !== undefined)).toEqual(
      started.map((is, index) => is && index % 2 === 0),
    );
  });

  it('lets the discriminator learn before the autoencoder hears it, and evaluates in between', async () => {
    const trainer = tinyGanTrainer({
      config: tinyGanConfig({}, { start: { step: 1 }, adversarialStart: { step: 3 } }),
      evaluation: { images: tinyImages(4, 77), batchSize: 4 },
    });
    const reports: StepReport[] = [];
    const evaluatedAt: number[] = [];
    trainer.on('step', (report) => reports.push(report));
    trainer.on('evaluate', ({ step }) => evaluatedAt.push(step));
    const { step } = await trainer.run();
    const startsAt = (name: string): number => valuesOf(reports, name).findIndex((value) => value !== undefined);
    expect([startsAt('discriminator'), startsAt('adversarial')]).toEqual([1, 3]);
    expect(evaluatedAt).toEqual([3, step]);
    for (const { values } of reports.slice(0, 3)) expect(values.loss).toBeCloseTo(values.l2! + values.quantizer!, 5);
    for (const { values } of reports.slice(3)) expect(values.loss).not.toBeCloseTo(values.l2! + values.quantizer!, 5);
  });

  it('evaluates once before the two meet, also where the adversarial loss waits for the discriminator', async () => {
    const trainer = tinyGanTrainer({
      config: tinyGanConfig({}, { start: { step: 4 }, adversarialStart: { step: 1 } }),
      evaluation: { images: tinyImages(2, 77) },
    });
    const evaluated: number[] = [];
    trainer.on('evaluate', ({ step }) => void evaluated.push(step));
    await trainer.run();
    expect(evaluated).toEqual([4, 6]);
  });

  it('gives the discriminator an optimizer and a learning rate of its own', async () => {
    const moved = async (changes: DiscriminatorTrainingConfig): Promise<number> => {
      const discriminator = tinyPatchDiscriminator();
      const [first] = discriminator.trainableVariables();
      const before = first!.dataSync<'float32'>().slice();
      const config = tinyGanConfig({ duration: { steps: 1 } }, changes);
      await train({ config, adversarial: { discriminator, loss: hingeAdversarialLoss } });
      return Math.max(...first!.dataSync<'float32'>().map((value, index) => Math.abs(value - before[index]!)));
    };
    const optimizer = { ...adamOf(tinyTokenizerTraining()), weightDecay: 0 };
    const usual = await moved({ optimizer });
    expect(await moved({ optimizer, learningRateScale: 0.1 })).toBeCloseTo(usual / 10, 6);
    // Adam's first step is as long as the learning rate; a large epsilon makes it shorter.
    expect(await moved({ optimizer: { ...optimizer, epsilon: 1 } })).toBeLessThan(usual / 2);
  });

  it('stopped and resumed, goes on with the same numbers, anchors, averages and running statistics', async () => {
    const options = (): Partial<TokenizerTrainerOptions> => ({
      config: tinyGanConfig({ duration: { steps: 4 } }, { start: { step: 1 } }),
    });
    const straight = await train({ ...options(), directory: join(directory, 'straight') });
    const stop = new AbortController();
    const first = tinyGanTrainer({ ...options(), directory: join(directory, 'stopped') });
    first.on('step', ({ step }) => step === 2 && stop.abort());
    await first.run({ signal: stop.signal });
    expect(await readTokenizerTraining(join(directory, 'stopped'))).toMatchObject({
      step: 2,
      phase: { quantize: true, adversary: 'competing' },
    });
    const second = tinyGanTrainer({ ...options(), directory: join(directory, 'stopped'), tokenizer: tinyModel({}, 9) });
    await second.restore(join(directory, 'stopped'));
    const reports: StepReport[] = [];
    second.on('step', (report) => void reports.push(report));
    await second.run();
    expect(reports.map(({ values }) => values)).toEqual(straight.slice(2).map(({ values }) => values));
    const tensors = async (name: string): Promise<unknown> => (await readCheckpoint(join(directory, name))).tensors;
    expect(await tensors('stopped')).toEqual(await tensors('straight'));
  });
});

describe('a failing step of the discriminator', () => {
  const skip = (maximumInRow: number): Partial<TokenizerTrainingConfig> => ({
    nonFinite: { action: 'skip', maximumInRow },
  });

  it("of the discriminator leaves only the discriminator's update out", async () => {
    const [tokenizer, discriminator] = [tinyModel(), tinyDiscriminator()];
    const weights = (): Float32Array[][] =>
      [tokenizer, discriminator].map((module) =>
        module.trainableVariables().map((variable) => variable.dataSync<'float32'>().slice()),
      );
    const before = weights();
    const broken = {
      generator: hingeAdversarialLoss.generator,
      discriminator: (real: tf.Tensor) => tf.mul<tf.Scalar>(tf.mean(real), NaN),
    };
    const [report] = await train({
      tokenizer,
      adversarial: { discriminator, loss: broken },
      config: tinyGanConfig({ duration: { steps: 1 }, ...skip(1) }),
    });
    expect(report).toMatchObject({ skipped: true, values: { discriminator: NaN } });
    const after = weights();
    expect(after[0]).not.toEqual(before[0]);
    expect(after[1]).toEqual(before[1]);
  });
});

describe('a discriminator that is missing or does not fit', () => {
  const create = (options: Partial<TokenizerTrainerOptions>) => (): TokenizerTrainer => tinyGanTrainer(options);

  it('an adversarial weight without a discriminator, or with one of another size', () => {
    expect(create({ adversarial: undefined })).toThrow(
      'createTokenizerTrainer config.losses.adversarial: expected a discriminator for the adversarial weight 0.1, got none. Pass adversarial',
    );
    const discriminator = new StyleDiscriminator({
      size: 16,
      channels: styleDiscriminatorChannels({ width: 4 }),
      key: randomKey(0),
    });
    expect(create({ adversarial: { discriminator, loss: hingeAdversarialLoss } })).toThrow(
      "expected a discriminator for the tokenizer's images of 8x8 pixels, got one for 16x16",
    );
  });
});
