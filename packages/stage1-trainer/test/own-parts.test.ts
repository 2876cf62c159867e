import '@tensorflow/tfjs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { Module, randomKey, randomNormal, split, type Discriminator } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { ViTDecoder, ViTEncoder } from '@vitvq/layers';
import { VectorQuantizer } from '@vitvq/quantizers';
import { stepReports, tinyBatches, tinyConfig, tinyImages, tinyModel, tinyTokenizerTraining } from '@vitvq/test-models';
import '@vitvq/test-utils';
import { VQTokenizer } from '@vitvq/tokenizer';
import { readTrainingLog, type StepReport } from '@vitvq/training';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createTokenizerTrainer,
  readTokenizerTraining,
  readTokenizerWeights,
  type TokenizerLossInputs,
  type TokenizerTrainerOptions,
} from '../src/index.js';
import { tinyGanConfig } from './tiny-gan.js';

let directory: string;

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitvq-own-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** Mean difference of neighbouring columns: a term that this package does not have. */
const edges = {
  weight: 0.5,
  compute: ({ images, reconstruction }: TokenizerLossInputs): tf.Scalar => {
    const across = (x: tf.Tensor4D): tf.Tensor => {
      const [, height, width, channels] = x.shape;
      const size = [-1, height, width - 1, channels];
      return tf.sub(tf.slice(x, [0, 0, 1, 0], size), tf.slice(x, [0, 0, 0, 0], size));
    };
    return tf.mean(tf.abs(tf.sub(across(reconstruction), across(images))));
  },
};

/** One linear layer over pixels. */
class LinearDiscriminator extends Module implements Discriminator {
  readonly #weight: tf.Variable<tf.Rank.R2>;

  constructor() {
    super();
    const data = randomNormal(randomKey(4), 8 * 8 * 3, 0, 0.05);
    this.#weight = this.variable<tf.Rank.R2>('weight', { shape: [data.length, 1], data });
  }
  logits(images: tf.Tensor4D): tf.Tensor {
    return tf.matMul(tf.reshape(images, [images.shape[0], -1]), this.#weight);
  }
}

const squaredLoss = {
  name: 'squared',
  generator: (fake: tf.Tensor): tf.Scalar => tf.mean(tf.squaredDifference(fake, 1)),
  discriminator: (real: tf.Tensor, fake: tf.Tensor): tf.Scalar =>
    tf.add<tf.Scalar>(tf.mean(tf.squaredDifference(real, 1)), tf.mean(tf.square(fake))),
};

/**
 * A quantizer that a config does not know, beside an encoder and a decoder that a config does know.
 */
function ownTokenizer(): VQTokenizer {
  const [encoderKey, decoderKey, key] = split(randomKey(6), 3);
  const { encoder, decoder, imageSize, patchSize } = tinyConfig;
  return new VQTokenizer({
    encoder: new ViTEncoder({ ...encoder, imageSize, patchSize, key: encoderKey! }),
    decoder: new ViTDecoder({ ...decoder, imageSize, patchSize, key: decoderKey! }),
    quantizer: new VectorQuantizer({ codebookSize: 8, codeDim: 3, normalize: false, trackUsage: true, key: key! }),
    key: key!,
  });
}

async function train(
  options: Partial<TokenizerTrainerOptions>,
  { restore = false, stopAfter = Infinity } = {},
): Promise<StepReport[]> {
  const trainer = createTokenizerTrainer({
    tokenizer: tinyModel(),
    config: tinyTokenizerTraining(),
    openBatches: tinyBatches,
    tensorBoard: false,
    ...options,
  });
  if (restore) await trainer.restore(options.directory!);
  return stepReports(trainer, stopAfter);
}

const valuesOf = (reports: readonly StepReport[]): unknown[] => reports.map(({ values }) => values);

describe('a loss term of the caller', () => {
  it('adds its weight times its value to the loss, and is logged and evaluated like the others', async () => {
    const images = tinyImages(3, 7);
    const reports = await train({ losses: { edges }, directory, evaluation: { images, batchSize: 2 } });
    for (const { values } of reports) {
      expect(values['edges']).toBeGreaterThan(0);
      expect(values['loss']).toBeCloseTo(values['l2']! + values['quantizer']! + 0.5 * values['edges']!, 5);
    }
    const log = await readTrainingLog(directory);
    expect(log.filter(({ event }) => event === 'step').map((entry) => entry['edges'])).toEqual(
      reports.map(({ values }) => values['edges']),
    );
    const tokenizer = tinyModel({}, 3);
    tokenizer.loadVariables(await readTokenizerWeights(directory));
    const batch = tf.tensor4d(images.data, [...images.shape]);
    const { reconstruction } = tokenizer.forward(batch);
    const expected = edges.compute({ images: batch, reconstruction, decoded: reconstruction }).dataSync()[0]!;
    expect(log.at(-1)).toMatchObject({ event: 'evaluate', edges: expect.closeTo(expected, 5) as number });
  });

  it('changes the gradient', async () => {
    const [without, having] = [await train({}), await train({ losses: { edges } })];
    expect(having[0]!.values['l2']).toBe(without[0]!.values['l2']);
    expect(having[0]!.values['gradientNorm']).not.toBe(without[0]!.values['gradientNorm']);
  });

  it('may be the only reconstruction loss', async () => {
    const config = tinyTokenizerTraining({ losses: { l2: 0 } });
    const [report] = await train({ config, losses: { edges } });
    expect(Object.keys(report!.values)).not.toContain('l2');
  });

  it('can choose the best checkpoint', async () => {
    await train({
      losses: { edges },
      directory,
      evaluation: { images: tinyImages(2, 7), everySteps: 2 },
      best: { metric: 'edges', mode: 'lowest' },
    });
    expect((await readTokenizerTraining(directory)).losses).toEqual({ edges: 0.5 });
    expect((await readTokenizerTraining(join(directory, 'best'))).best).toMatchObject({ metric: 'edges' });
  });

  it('is resumed bit for bit, and a training without it, or with another weight, is another one', async () => {
    const straight = await train({ losses: { edges } });
    const first = await train({ losses: { edges }, directory }, { stopAfter: 3 });
    await expect(train({ directory }, { restore: true })).rejects.toThrow('losses.edges 0.5 instead of nothing');
    const heavier = { edges: { ...edges, weight: 2 } };
    await expect(train({ losses: heavier, directory }, { restore: true })).rejects.toThrow(
      'losses.edges 0.5 instead of 2',
    );
    const second = await train({ losses: { edges }, directory }, { restore: true });
    expect([...valuesOf(first), ...valuesOf(second)]).toEqual(valuesOf(straight));
  });

  it.each(['l2', 'loss', 'step', 'psnr'])('may not be called %s', async (name) => {
    await expect(train({ losses: { [name]: edges } })).rejects.toThrow(
      `losses: expected names apart from those of the trainer's own values`,
    );
  });

  it('has a weight above 0', async () => {
    await expect(train({ losses: { edges: { ...edges, weight: 0 } } })).rejects.toThrow('the weight edges');
  });
});

describe('a discriminator of the config', () => {
  it('is created by name from the seed, trained and resumed', async () => {
    const options = (seed = 3): Partial<TokenizerTrainerOptions> => ({
      config: tinyGanConfig(
        { seed },
        {
          model: { kind: 'patch', baseChannels: 2, depth: 1 },
          loss: { kind: 'vanilla' },
        },
      ),
    });
    const straight = await train(options());
    expect(straight[0]!.values['discriminator']).toBeGreaterThan(0);
    const first = await train({ ...options(), directory }, { stopAfter: 3 });
    const second = await train({ ...options(), directory }, { restore: true });
    expect([...valuesOf(first), ...valuesOf(second)]).toEqual(valuesOf(straight));
    expect((await readTokenizerTraining(directory)).config.discriminator).toMatchObject({
      model: { kind: 'patch', normalization: 'batch-norm' },
      loss: { kind: 'vanilla' },
    });
  });
});

describe('a discriminator, an adversarial loss and a quantizer of the caller', () => {
  const options = (): Partial<TokenizerTrainerOptions> => ({
    tokenizer: ownTokenizer(),
    config: tinyGanConfig(),
    adversarial: { discriminator: new LinearDiscriminator(), loss: squaredLoss },
    losses: { edges },
  });

  it('train, and are resumed bit for bit', async () => {
    const straight = await train(options());
    for (const { values } of straight) {
      for (const name of ['edges', 'adversarial', 'discriminator', 'quantizer']) {
        expect(Number.isFinite(values[name]), name).toBe(true);
      }
    }
    const first = await train({ ...options(), directory }, { stopAfter: 3 });
    const second = await train({ ...options(), directory }, { restore: true });
    expect([...valuesOf(first), ...valuesOf(second)]).toEqual(valuesOf(straight));
    expect((await readTokenizerTraining(directory)).adversarialLoss).toBe('squared');
    const tokenizer = ownTokenizer();
    tokenizer.loadVariables(await readTokenizerWeights(directory, { which: 'last' }));
    expect(await readFile(join(directory, 'metrics.jsonl'), 'utf8')).toContain('"edges"');
  });
});
