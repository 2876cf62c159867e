import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, randomNormal, ShapeError } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import {
  shake,
  stepReports,
  tiny1DConfig,
  tinyBatches,
  tinyImages,
  tinyModel,
  tinyTokenizerTraining,
} from '@vitvq/test-models';
import { compilingEngines, expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import { createTokenizer } from '@vitvq/tokenizer';
import type { StepReport } from '@vitvq/training';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  Alignment,
  createTokenizerGradients,
  createTokenizerLoss,
  createTokenizerTrainer,
  readTokenizerTraining,
  readTokenizerWeights,
  type AlignmentFeatures,
  type TokenizerTrainerOptions,
} from '../src/index.js';

const engines = await compilingEngines();
let directory: string;
beforeEach(async () => {
  await useEngine({ name: 'cpu' });
  directory = await mkdtemp(join(tmpdir(), 'vitvq-alignment-'));
});
afterEach(async () => {
  await useEngine({ name: 'cpu' });
  await rm(directory, { recursive: true, force: true });
});

/** Means of colours over each quarter of an image of 8x8, the places of the four tokens. */
const ofTokens: AlignmentFeatures = {
  name: 'colours of quarters',
  dim: 3,
  features: (x) => tf.reshape<tf.Rank.R3>(tf.mean(tf.reshape(x, [-1, 2, 4, 2, 4, 3]), [2, 4]), [-1, 4, 3]),
};
const ofImages: AlignmentFeatures = { name: 'mean colours', dim: 3, features: (x) => tf.mean(x, [1, 2]) };

const create = (features: AlignmentFeatures = ofTokens): Alignment =>
  new Alignment({ features, codeDim: 4, hiddenDim: 5, key: randomKey(1) });
const normal = (shape: [number, number, number], seed: number): tf.Tensor3D =>
  tf.tensor3d(randomNormal(randomKey(seed), shape[0] * shape[1] * shape[2]), shape);
const images = (count = 4): tf.Tensor4D => tf.tensor4d(tinyImages(count).data, [count, 8, 8, 3]);
const training = (weight = 0.5): TokenizerTrainerOptions['config'] =>
  tinyTokenizerTraining({ duration: { steps: 4 }, losses: { l2: 1, alignment: weight }, ema: { decay: 0.9 } });

async function train(
  options: Partial<TokenizerTrainerOptions> = {},
  { resume = false, stopAfter = Infinity } = {},
): Promise<StepReport[]> {
  const trainer = createTokenizerTrainer({
    tokenizer: tinyModel(),
    config: training(),
    alignment: ofTokens,
    openBatches: tinyBatches,
    ...options,
  });
  if (resume) await trainer.restore(directory);
  return stepReports(trainer, stopAfter);
}

const losses = (reports: readonly StepReport[]): number[] => reports.map(({ values }) => values['loss']!);

describe('Alignment', () => {
  it('is 1 - the cosine similarity of what its projector predicts', () => {
    const alignment = shake(create());
    const [latents, x] = [normal([2, 4, 4], 2), images(2)];
    const named = alignment.namedVariables();
    expect([...named.keys()]).toEqual(['hidden.weight', 'hidden.bias', 'output.weight', 'output.bias']);
    const dense = (input: tf.Tensor, name: string): tf.Tensor =>
      tf.add(tf.matMul(input as tf.Tensor2D, named.get(`${name}.weight`) as tf.Tensor2D), named.get(`${name}.bias`)!);
    const hidden = dense(tf.reshape(latents, [8, 4]), 'hidden');
    const predicted = dense(tf.mul(hidden, tf.sigmoid(hidden)), 'output').arraySync() as number[][];
    const targets = tf.reshape(ofTokens.features(x), [8, 3]).arraySync() as number[][];
    const dot = (a: number[], b: number[]): number => a.reduce((sum, value, at) => sum + value * b[at]!, 0);
    const cosines = predicted.map((row, at) => {
      const target = targets[at]!;
      return dot(row, target) / Math.sqrt(dot(row, row) * dot(target, target));
    });
    const expected = 1 - cosines.reduce((sum, value) => sum + value) / 8;
    expect(alignment.loss(latents, x).dataSync()[0]).toBeCloseTo(expected, 5);
    alignment.dispose();
  });

  it.each([
    ['tokens', ofTokens],
    ['images', ofImages],
  ])('has the right gradients, with features of %s', (_, features) => {
    const alignment = shake(create(features));
    const x = images(2);
    expectGradientsMatchFiniteDifferences((z) => alignment.loss(z as tf.Tensor3D, x), [normal([2, 4, 4], 3)], {
      variables: alignment.namedVariables(),
      elements: 4,
    });
    alignment.dispose();
  });

  it('is finite where features and latents are zero, and leaves no tensors behind', () => {
    const alignment = create({ ...ofImages, features: () => tf.zeros<tf.Rank.R2>([2, 3]) });
    expect(alignment.loss(tf.zeros([2, 4, 4]), images(2)).dataSync()[0]).toBe(1);
    const [latents, x] = [normal([2, 4, 4], 3), images(2)];
    expectNoTensorLeak(() => alignment.loss(latents, x).dispose());
    alignment.dispose();
  });

  it('refuses features of another shape and widths that are none', () => {
    const alignment = create({ ...ofTokens, dim: 4 });
    expect(() => alignment.loss(tf.zeros([2, 4, 4]), images(2))).toThrow(ShapeError);
    expect(() => alignment.loss(tf.zeros([2, 4, 4]), images(2))).toThrow(
      'Alignment, features colours of quarters: expected [2, 4] of the images, or [2, 4, 4] of their tokens, got [2, 4, 3]. Resize the features to the grid of tokens, or return their mean.',
    );
    expect(() => create({ ...ofTokens, dim: 0 })).toThrow(ConfigError);
    alignment.dispose();
  });
});

describe('the term alignment', () => {
  it('adds its weighted value to the loss, and gradients of the encoder and the projector', () => {
    const tokenizer = shake(tinyModel());
    const alignment = create();
    const x = images();
    const weights = { l2: 1, quantizer: 0.7, alignment: 0.4 };
    const options = { tokenizer, alignment, weights };
    const { values, gradients } = createTokenizerGradients(options)(x);
    const expected = alignment.loss(tokenizer.latents(x), x).dataSync()[0]!;
    expect(values['alignment']!.dataSync()[0]).toBeCloseTo(expected, 5);
    const [loss, l2, quantizer] = ['loss', 'l2', 'quantizer'].map((name) => values[name]!.dataSync()[0]!);
    expect(loss).toBeCloseTo(l2! + 0.7 * quantizer! + 0.4 * expected, 5);
    expect(createTokenizerLoss(options)(x)['loss']!.dataSync()[0]).toBeCloseTo(loss!, 5);

    const variables = [...alignment.namedVariables()];
    const byDefinition = tf.variableGrads(
      () => tf.mul(alignment.loss(tokenizer.latents(x), x), 0.4),
      [...variables.map(([, variable]) => variable), tokenizer.preQuantization.trainableVariables()[0]!],
    ).grads;
    for (const [name, variable] of variables) {
      expect(gradients.get(`alignment.${name}`)!, name).toBeAllClose(byDefinition[variable.name]!, { atol: 1e-6 });
    }
    const { alignment: _, ...others } = weights;
    const without = createTokenizerGradients({ tokenizer, weights: others })(x).gradients;
    const name = 'preQuantization.weight';
    const weight = tokenizer.namedVariables().get(name)!;
    expect(tf.sub(gradients.get(name)!, without.get(name)!)).toBeAllClose(byDefinition[weight.name]!, { atol: 1e-5 });
    alignment.dispose();
  });

  it('is learned, and its projector is in checkpoints but not in the weights of the tokenizer', async () => {
    const config = { ...training(2), duration: { steps: 12 } };
    const reports = await train({ config, directory });
    const values = reports.map(({ values: { alignment } }) => alignment!);
    expect(values.at(-1)).toBeLessThan(values[0]!);
    expect(await readTokenizerTraining(directory)).toMatchObject({ alignment: 'colours of quarters' });
    const names = [...(await readTokenizerWeights(directory)).keys()];
    expect(names).toEqual([...tinyModel().namedVariables().keys()]);
  });

  it('stopped and resumed, goes on with the same numbers bit for bit, and not with other features', async () => {
    const straight = losses(await train());
    const first = await train({ directory }, { stopAfter: 2 });
    await expect(train({ alignment: { ...ofTokens, name: 'others' } }, { resume: true })).rejects.toThrow(
      'alignment "colours of quarters" instead of "others"',
    );
    const second = await train({ directory, tokenizer: tinyModel({}, 9) }, { resume: true });
    expect([...losses(first), ...losses(second)]).toEqual(straight);
  });

  it('works with latent tokens, which have no places, by features of images', async () => {
    const tokenizer = createTokenizer(tiny1DConfig, { seed: 1 });
    const reports = await train({ tokenizer, alignment: ofImages });
    expect(reports.every(({ values }) => values['alignment']! > 0 && Number.isFinite(values['loss']))).toBe(true);
    await expect(train({ tokenizer: createTokenizer(tiny1DConfig, { seed: 1 }) })).rejects.toThrow(ShapeError);
  });

  it('needs both a weight and features', () => {
    const make = (options: object) => (): unknown =>
      createTokenizerTrainer({
        tokenizer: tinyModel(),
        config: training(),
        openBatches: tinyBatches,
        ...options,
      });
    expect(make({})).toThrow(
      'createTokenizerTrainer config.losses.alignment: expected features for the alignment weight 0.5, got none.',
    );
    expect(make({ config: tinyTokenizerTraining(), alignment: ofTokens })).toThrow(
      'expected a weight losses.alignment above 0 for the alignment, got 0.',
    );
    expect(() => createTokenizerLoss({ tokenizer: tinyModel(), weights: { alignment: 1 } })).toThrow(ConfigError);
  });

  for (const { name: engine, isHere } of engines) {
    it.skipIf(!isHere)(`gives the numbers of the plain engine on ${engine}`, async () => {
      const config = { ...training(), duration: { steps: 2 } };
      const eager = losses(await train({ config }));
      await useEngine({ name: engine, threads: 2, onCompile: () => undefined });
      expect(losses(await train({ config }))).toBeAllClose(eager, { rtol: 1e-3 });
    });
  }
});
