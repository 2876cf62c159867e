import '@tensorflow/tfjs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { listCheckpoints, readCheckpoint } from '@vitvq/checkpoint';
import { learningRateAt, TrainingDivergedError, type StepReport } from '@vitvq/training';
import { ConfigError, DataError, randomKey, ShapeError, type PerceptualLoss } from '@vitvq/core';
import { StyleDiscriminator, styleDiscriminatorChannels } from '@vitvq/discriminator';
import { useEngine } from '@vitvq/engine';
import { ViTDecoder, ViTEncoder } from '@vitvq/layers';
import { hingeAdversarialLoss, vanillaAdversarialLoss } from '@vitvq/losses';
import { AdamW, decayGroups } from '@vitvq/optim';
import { GumbelQuantizer } from '@vitvq/quantizers';
import '@vitvq/test-utils';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createDiscriminatorStep,
  createStage1Step,
  readStage1State,
  readTokenizerWeights,
  type Stage1Trainer,
  type DiscriminatorPlan,
  type Stage1Plan,
  type Stage1TrainerOptions,
} from '../src/index.js';
import { Evaluator } from '@vitvq/evaluation';
import { ViTVQ } from '@vitvq/tokenizer';
import { brokenBatches, tinyBatches, tinyConfig, tinyImages, tinyModel, tinyStage1Plan } from '@vitvq/test-models';
import { tinyDiscriminator, tinyGanPlan, tinyGanTrainer, tinyPatchDiscriminator } from './tiny-gan.js';

let directory: string;

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitvq-gan-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function train(options: Partial<Stage1TrainerOptions> = {}): Promise<StepReport[]> {
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
    const plan = tinyGanPlan(
      {
        duration: { steps: 3 },
        codebook: { autoencoderShare: 0, initializeFromData: false, reviveEvery: 0 },
        movingAverage: null,
      },
      { leCam: null },
    );
    const [trained, byHand] = [tinyModel(), tinyModel()];
    const [trainedAgainst, byHandAgainst] = [tinyDiscriminator(), tinyDiscriminator()];
    const reports = await train({
      plan,
      tokenizer: trained,
      adversarial: { discriminator: trainedAgainst, loss: hingeAdversarialLoss },
    });

    const { weightDecay, ...moments } = plan.optimizer;
    const adversarial = { discriminator: byHandAgainst, loss: hingeAdversarialLoss };
    const optimizer = new AdamW(decayGroups(byHand.namedTrainableVariables(), weightDecay), moments);
    const autoencoder = createStage1Step({
      tokenizer: byHand,
      losses: plan.losses,
      adversarial,
      optimizer,
      clipNorm: plan.clipNorm,
    });
    const against = new AdamW(decayGroups(byHandAgainst.namedTrainableVariables(), weightDecay), moments);
    const discriminator = [true, false].map((withR1) =>
      createDiscriminatorStep({
        tokenizer: byHand,
        ...adversarial,
        optimizer: against,
        // Every second step, twice as strong.
        r1: withR1 ? { weight: 2 } : undefined,
      }),
    );
    const batches = tinyBatches(0);
    for (const index of [0, 1, 2]) {
      const { images, shape } = await batches.next();
      const tensor = tf.tensor4d(images, shape as [number, number, number, number]);
      const rate = tf.scalar(learningRateAt(plan.learningRate)((index + 0.5) / 3));
      const made = autoencoder(tensor, rate).values;
      const judged = discriminator[index % 2]!(tensor, rate).values;
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

  it.each<[DiscriminatorPlan['start'], number]>([
    [{ step: 0 }, 0],
    [{ step: 4 }, 4],
    [{ share: 0.5 }, 3],
  ])('leaves the discriminator alone before its start %o', async (start, first) => {
    const discriminator = tinyPatchDiscriminator();
    const values = (): Float32Array[] =>
      discriminator.trainableVariables().map((variable) => variable.dataSync<'float32'>().slice());
    const before = values();
    const trainer = tinyGanTrainer({
      adversarial: { discriminator, loss: hingeAdversarialLoss },
      plan: tinyGanPlan({}, { start }),
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
      plan: tinyGanPlan({}, { start: { step: 1 }, adversarialStart: { step: 3 } }),
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
      plan: tinyGanPlan({}, { start: { step: 4 }, adversarialStart: { step: 1 } }),
      evaluation: { images: tinyImages(2, 77) },
    });
    const evaluated: number[] = [];
    trainer.on('evaluate', ({ step }) => void evaluated.push(step));
    await trainer.run();
    expect(evaluated).toEqual([4, 6]);
  });

  it('gives the discriminator an optimizer and a learning rate of its own', async () => {
    const moved = async (discriminatorPlan: DiscriminatorPlan): Promise<number> => {
      const discriminator = tinyPatchDiscriminator();
      const [first] = discriminator.trainableVariables();
      const before = first!.dataSync<'float32'>().slice();
      const plan = tinyGanPlan({ duration: { steps: 1 } }, discriminatorPlan);
      await train({ plan, adversarial: { discriminator, loss: hingeAdversarialLoss } });
      return Math.max(...first!.dataSync<'float32'>().map((value, index) => Math.abs(value - before[index]!)));
    };
    const optimizer = { ...tinyStage1Plan().optimizer, weightDecay: 0 };
    const usual = await moved({ optimizer });
    expect(await moved({ optimizer, learningRateScale: 0.1 })).toBeCloseTo(usual / 10, 6);
    // Adam's first step is as long as the learning rate; a large epsilon makes it shorter.
    expect(await moved({ optimizer: { ...optimizer, epsilon: 1 } })).toBeLessThan(usual / 2);
  });

  it('stopped and resumed, goes on with the same numbers, anchors, averages and running statistics', async () => {
    const options = (): Partial<Stage1TrainerOptions> => ({
      plan: tinyGanPlan({ duration: { steps: 4 } }, { start: { step: 1 } }),
    });
    const straight = await train({ ...options(), directory: join(directory, 'straight') });
    const stop = new AbortController();
    const first = tinyGanTrainer({ ...options(), directory: join(directory, 'stopped') });
    first.on('step', ({ step }) => step === 2 && stop.abort());
    await first.run({ signal: stop.signal });
    expect(await readStage1State(join(directory, 'stopped'))).toMatchObject({ step: 2, isAdversarial: true });
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

describe('what a plan can ask for', () => {
  const plain = (changes: Partial<Stage1Plan> = {}): Partial<Stage1TrainerOptions> => ({
    plan: tinyStage1Plan({ codebook: { autoencoderShare: 0, initializeFromData: true, reviveEvery: 0 }, ...changes }),
    openBatches: (startAt) => tinyBatches(startAt, 8),
  });

  it('accumulates gradients over parts of a batch to those of the whole', async () => {
    const whole = await train(plain());
    const parts = await train(plain({ accumulate: 4 }));
    for (const name of ['loss', 'l2', 'quantizer', 'gradientNorm']) {
      expect(valuesOf(parts, name) as number[]).toBeAllClose(valuesOf(whole, name) as number[], { rtol: 1e-3 });
    }
    const adversarial = await train({ ...plain(), plan: tinyGanPlan({ accumulate: 2 }) });
    expect(adversarial.every(({ values }) => Number.isFinite(values.discriminator))).toBe(true);
  });

  it('refuses a batch that cannot be divided', async () => {
    await expect(train(plain({ accumulate: 3 }))).rejects.toThrow(
      'Stage1Trainer plan.accumulate: expected batches that can be divided into 3 equal parts, got 8 images. Take a batch size of 9',
    );
  });

  it('moves by Adam or AdamW, decaying weights or everything', async () => {
    const optimizer = { ...tinyStage1Plan().optimizer, weightDecay: 0.1 };
    const runs = [
      optimizer,
      { ...optimizer, kind: 'adam' as const },
      { ...optimizer, decay: 'all' as const },
      { ...optimizer, kind: 'adamw' as const, decay: 'weights' as const },
    ].map(async (each) => valuesOf(await train(plain({ optimizer: each })), 'loss'));
    const [usual, adam, all, same] = await Promise.all(runs);
    expect(same).toEqual(usual);
    expect(adam).not.toEqual(usual);
    expect(all).not.toEqual(usual);
  });

  it('evaluates, looks and exports with the average of the weights', async () => {
    const images = tinyImages(4, 77);
    const tokenizer = tinyModel();
    const trainer = tinyGanTrainer({
      ...plain({ movingAverage: { decay: 0.5 } }),
      tokenizer,
      directory,
      evaluation: { images },
      look: { images, steps: [6] },
    });
    const looks: number[] = [];
    trainer.on('look', ({ psnr }) => void looks.push(psnr));
    const { evaluation } = await trainer.run();
    const measure = async (which: 'average' | 'last'): Promise<number> => {
      const model = tinyModel({}, 3);
      model.loadVariables(await readTokenizerWeights(directory, { which }));
      return (await new Evaluator(model).evaluate(images)).psnr;
    };
    expect(evaluation!.psnr).toBe(await measure('average'));
    expect(looks).toEqual([evaluation!.psnr]);
    expect(await measure('last')).not.toBe(evaluation!.psnr);
    expect((await new Evaluator(tokenizer).evaluate(images)).psnr).toBe(await measure('last'));
    const averaged = await trainer.withAverages(() => new Evaluator(tokenizer).evaluate(images));
    expect(averaged.psnr).toBe(evaluation!.psnr);
  });

  it('adds a perceptual loss, and measures it on held-out images', async () => {
    const perceptual: PerceptualLoss = {
      distance: (a, b) => tf.tidy(() => tf.mean<tf.Tensor1D>(tf.abs(tf.sub(a, b)), [1, 2, 3])),
    };
    const trainer = tinyGanTrainer({
      ...plain({ losses: { l2: 1, perceptual: 0.1 } }),
      perceptual,
      evaluation: { images: tinyImages(3, 77), batchSize: 2 },
    });
    const reports: StepReport[] = [];
    trainer.on('step', (report) => void reports.push(report));
    const { evaluation } = await trainer.run();
    expect(reports[0]!.values.perceptual).toBeGreaterThan(0);
    const { reconstructions } = evaluation!;
    const { data } = tinyImages(3, 77);
    const mean = data.reduce((sum, value, at) => sum + Math.abs(value - reconstructions.data[at]!), 0) / data.length;
    expect(evaluation!.perceptualDistance).toBeCloseTo(mean, 5);
  });

  it('draws the noise of a Gumbel quantizer from the seed, and lowers its temperature', async () => {
    const size = { ...tinyConfig.encoder, imageSize: 8, patchSize: 4, key: randomKey(1) };
    const model = (): ViTVQ =>
      new ViTVQ({
        encoder: new ViTEncoder(size),
        decoder: new ViTDecoder(size),
        quantizer: new GumbelQuantizer({ codebookSize: 16, codeDim: 4, key: randomKey(2) }),
        key: randomKey(3),
      });
    const run = (changes: Partial<Stage1Plan>): Promise<StepReport[]> =>
      train({
        ...plain({ codebook: { autoencoderShare: 0, initializeFromData: false, reviveEvery: 0 }, ...changes }),
        tokenizer: model(),
      });
    const temperature = { start: 2, end: 1, rate: 0.5, every: 2 };
    const reports = await run({ temperature });
    expect(valuesOf(reports, 'temperature') as number[]).toBeAllClose(
      [0, 0, 2, 2, 4, 4].map((step) => Math.max(1, 2 * Math.exp(-0.5 * step))),
    );
    expect(valuesOf(await run({ temperature }), 'loss')).toEqual(valuesOf(reports, 'loss'));
    expect(valuesOf(await run({ temperature, seed: 7 }), 'loss')).not.toEqual(valuesOf(reports, 'loss'));
    // Without a plan the quantizer's own.
    expect(valuesOf(await run({}), 'temperature')).toEqual([1, 1, 1, 1, 1, 1]);
  });
});

describe('what is kept of a run', () => {
  const images = tinyImages(4, 77);

  it('remembers the best checkpoint, beside the newest', async () => {
    const evaluation = { images, everySteps: 2 };
    const best = { metric: 'meanSquaredError', mode: 'highest' } as const;
    const trainer = tinyGanTrainer({
      plan: tinyStage1Plan({ duration: { steps: 8 } }),
      directory,
      evaluation,
      best,
      checkpoint: { everySteps: 2, keep: 1 },
    });
    const measured = new Map<number, number>();
    trainer.on('evaluate', ({ step, meanSquaredError }) => void measured.set(step, meanSquaredError));
    const summary = await trainer.run();
    const highest = Math.max(...measured.values());
    const [step] = [...measured].find(([, value]) => value === highest)!;
    expect(step).toBeLessThan(8); // the error falls, so that this is not the newest
    expect(summary.best).toMatchObject({ metric: 'meanSquaredError', value: highest, step });
    expect((await listCheckpoints(join(directory, 'best'))).map((file) => file.step)).toEqual([step]);
    expect((await listCheckpoints(directory)).map((file) => file.step)).toEqual([8]);
    const model = tinyModel({}, 3);
    model.loadVariables(await readTokenizerWeights(summary.best!.file!));
    expect((await new Evaluator(model).evaluate(images)).meanSquaredError).toBe(highest);

    const resumed = tinyGanTrainer({ plan: tinyStage1Plan({ duration: { steps: 8 } }), directory, evaluation, best });
    await resumed.restore(directory);
    expect(resumed.best).toMatchObject({ value: highest, step });
    const unknown = tinyGanTrainer({ plan: tinyStage1Plan(), evaluation, best: { metric: 'beauty', mode: 'highest' } });
    await expect(unknown.run()).rejects.toThrow(/best\.metric: expected one of psnr, .*, got "beauty"/);
  });

  it('looks at fixed images, often at first, and shows them in TensorBoard', async () => {
    const trainer = tinyGanTrainer({
      plan: tinyGanPlan({ duration: { steps: 9 } }),
      directory,
      look: { images, steps: [0, 1, 2, 5], everySteps: 4 },
      evaluation: { images },
    });
    const looks: number[] = [];
    trainer.on('look', ({ step, originals, reconstructions }) => {
      looks.push(step);
      expect(originals).toBe(images);
      expect(reconstructions.shape).toEqual(images.shape);
    });
    await trainer.run();
    expect(looks).toEqual([0, 1, 2, 5, 8]);
    const events = (await readdir(directory)).filter((name) => name.startsWith('events.out.tfevents.'));
    expect(events).toHaveLength(1);
    const content = await readFile(join(directory, events[0]!), 'latin1');
    for (const tag of [
      'train/loss',
      'train/discriminator',
      'evaluate/psnr',
      'look/reconstructions',
      'weights/tokenizer.quantizer.codebook',
      'weights/discriminator.',
      'codebook/uses of a code',
    ]) {
      expect(content).toContain(tag);
    }
    await train({ plan: tinyStage1Plan(), directory: join(directory, 'other'), tensorBoard: false });
    expect((await readdir(join(directory, 'other'))).sort()).toEqual([
      'checkpoint-00000006.safetensors',
      'metrics.jsonl',
    ]);
  });
});

describe('a step that fails', () => {
  const skip = (maximumInRow: number): Partial<Stage1Plan> => ({ nonFinite: { action: 'skip', maximumInRow } });

  it('changes nothing, bit for bit, and is counted where it is skipped', async () => {
    const trainer = tinyGanTrainer({
      plan: tinyGanPlan(skip(1)),
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
    expect(await readStage1State(files[2]!.file)).toMatchObject({ skippedSteps: 1, skippedInRow: 1 });
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
      plan: tinyGanPlan({ duration: { steps: 1 }, ...skip(1) }),
    });
    expect(report).toMatchObject({ skipped: true, values: { discriminator: NaN } });
    const after = weights();
    expect(after[0]).not.toEqual(before[0]);
    expect(after[1]).toEqual(before[1]);
  });

  it('stops the run where too many follow each other', async () => {
    const error: unknown = await train({ plan: tinyGanPlan(skip(1)), openBatches: brokenBatches(2, 3) }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(TrainingDivergedError);
    expect(error).toMatchObject({ step: 3, term: 'l2', skippedInRow: 1, weightsAreFinite: true, batchIsFinite: false });
  });

  it('starts no codebook from a broken batch', async () => {
    const tokenizer = tinyModel();
    const reports = await train({ tokenizer, plan: tinyStage1Plan(skip(1)), openBatches: brokenBatches(1) });
    expect(reports.map(({ skipped }) => skipped)).toEqual([true, false, false, false, false, false]);
    expect(reports[0]!.values).toEqual({ codebook: NaN });
    expect(tokenizer.quantizer.codebook.weights.dataSync().every(Number.isFinite)).toBe(true);
  });

  it('leaves good weights in memory where it stops the run', async () => {
    const tokenizer = tinyModel();
    const run = train({ tokenizer, openBatches: brokenBatches(3) });
    await expect(run).rejects.toThrow(TrainingDivergedError);
    for (const [name, variable] of tokenizer.namedVariables()) {
      expect(variable.dataSync().every(Number.isFinite), name).toBe(true);
    }
  });

  it('never writes weights that are not finite, and names the layer', async () => {
    const plan = tinyStage1Plan({ learningRate: { peak: 1e39, end: 0, warmup: 0 } }); // infinite as a float32
    const run = train({ plan, directory, checkpoint: { everySteps: 1 } });
    const error: unknown = await run.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TrainingDivergedError);
    const { layer, weightsAreFinite, message } = error as TrainingDivergedError;
    expect(weightsAreFinite).toBe(false);
    expect(layer).toMatch(/^tokenizer\./);
    expect(message).toContain(`(weight ${layer!})`);
    expect(await listCheckpoints(directory)).toEqual([]);
  });
});

describe('what is refused', () => {
  const create = (options: Partial<Stage1TrainerOptions>) => (): Stage1Trainer => tinyGanTrainer(options);

  it('weights that make no sense', () => {
    const losses = { l2: -1, quantizer: NaN, perceptual: Infinity };
    const bad = create({ plan: tinyStage1Plan({ losses }) });
    expect(bad).toThrow(ConfigError);
    expect(bad).toThrow(/losses\.l2 is -1: .*losses\.quantizer is NaN: .*losses\.perceptual is Infinity: /);
    expect(create({ plan: tinyGanPlan({}, { r1: { weight: -1, every: 0 } }) })).toThrow(
      /discriminator\.r1\.weight is -1: .*discriminator\.r1\.every is 0: /,
    );
  });

  it('an adversarial weight without a discriminator, or with one of another size', () => {
    expect(create({ adversarial: undefined })).toThrow(
      'Stage1Trainer plan.losses.adversarial: expected a discriminator for the weight 0.1, got none. Pass adversarial',
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

  it('a perceptual weight without a network', () => {
    expect(create({ plan: tinyStage1Plan({ losses: { l2: 1, perceptual: 0.1 } }) })).toThrow(
      'Stage1Trainer plan.losses.perceptual: expected a network of features for the weight 0.1, got none. Pass perceptual',
    );
  });

  it('to go on with another configuration, unless the change is meant', async () => {
    await train({ directory, plan: tinyGanPlan(), configuration: { model: { depth: 1, colour: 'red' } } });
    const changed = (): Stage1Trainer =>
      tinyGanTrainer({
        directory,
        plan: tinyGanPlan({ duration: { steps: 8 }, clipNorm: 2 }, { learningRateScale: 2 }),
        adversarial: { discriminator: tinyPatchDiscriminator(), loss: vanillaAdversarialLoss },
        configuration: { model: { depth: 2, colour: 'red' } },
      });
    await expect(changed().restore(directory)).rejects.toThrow(
      'got plan.duration.steps 6 instead of 8; plan.clipNorm 1 instead of 2; plan.discriminator.learningRateScale 1 instead of 2; adversarialLoss "hingeAdversarialLoss" instead of "vanillaAdversarialLoss"; configuration.model.depth 1 instead of 2.',
    );
    await expect(changed().restore(directory, { allowChanges: ['plan.duration', 'plan.clip'] })).rejects.toThrow(
      "allowChanges: ['plan.clipNorm', 'plan.discriminator.learningRateScale', 'adversarialLoss', 'configuration.model.depth']",
    );
    const meant = changed();
    await meant.restore(directory, { allowChanges: ['plan', 'adversarialLoss', 'configuration.model.depth'] });
    expect(await meant.run()).toMatchObject({ step: 8, reason: 'finished' });
    const all = changed();
    await all.restore(directory, { allowChanges: true });
    expect(all.step).toBe(8);
  });

  it('nothing where averages or a discriminator are added by a change that is meant: they start afresh', async () => {
    await train({ directory, plan: tinyStage1Plan() });
    const tokenizer = tinyModel({}, 9);
    const trainer = tinyGanTrainer({ directory, tokenizer, plan: tinyGanPlan({ duration: { steps: 8 } }) });
    await trainer.restore(directory, { allowChanges: true });
    const weights = await readTokenizerWeights(directory);
    await trainer.withAverages(async () => {
      for (const [name, variable] of tokenizer.namedTrainableVariables()) {
        expect(variable.dataSync(), name).toEqual(weights.get(name)!.data);
      }
    });
    expect(await trainer.run()).toMatchObject({ step: 8, reason: 'finished' });
  });

  it('to go on with other data, unless the change is meant', async () => {
    const data = (fingerprint: string) => (startAt: number) => Object.assign(tinyBatches(startAt), { fingerprint });
    await train({ directory, plan: tinyStage1Plan(), openBatches: data('flowers') });
    const other = (): Stage1Trainer =>
      tinyGanTrainer({ directory, plan: tinyStage1Plan(), openBatches: data('birds'), tensorBoard: false });
    const refused = other();
    await refused.restore(directory);
    await expect(refused.run()).rejects.toThrow(
      'Trainer, data: expected the data that the run began with (flowers), got birds.',
    );
    const meant = other();
    await meant.restore(directory, { allowChanges: ['data'] });
    expect(await meant.run()).toMatchObject({ reason: 'finished' });
  });

  it('a checkpoint of another model, or none', async () => {
    await train({ directory, plan: tinyGanPlan() });
    const other = tinyGanTrainer({
      plan: tinyGanPlan(),
      adversarial: { discriminator: tinyDiscriminator(), loss: hingeAdversarialLoss },
    });
    await expect(other.restore(directory)).rejects.toThrow(ShapeError);
    await expect(other.restore(join(directory, 'nowhere'))).rejects.toThrow(DataError);
  });
});
