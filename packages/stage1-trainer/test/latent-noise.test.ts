import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import {
  shake,
  stepReports,
  tinyBatches,
  tinyConfig,
  tinyImages,
  tinyModel,
  tinyTokenizerTraining,
} from '@vitvq/test-models';
import { compilingEngines } from '@vitvq/test-utils';
import { createTokenizer } from '@vitvq/tokenizer';
import type { StepReport } from '@vitvq/training';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createTokenizerGradients,
  createTokenizerTrainer,
  tokenizerTrainingSchema,
  type LatentNoiseConfig,
  type TokenizerTrainerOptions,
} from '../src/index.js';
import { drawLatentNoise, noiseProbability } from '../src/internal/latent-noise-draws.js';

let directory: string;
beforeEach(async () => {
  await useEngine({ name: 'cpu' });
  directory = await mkdtemp(join(tmpdir(), 'vitvq-noise-'));
});
afterEach(async () => {
  await useEngine({ name: 'cpu' });
  await rm(directory, { recursive: true, force: true });
});

const codes = { kind: 'codes', rate: 0.5, probability: 0.5 } as const satisfies LatentNoiseConfig;
const gaussian = {
  kind: 'gaussian',
  stddev: 0.5,
  probability: { start: 1, end: 0.2, steps: 3 },
} as const satisfies LatentNoiseConfig;
const training = (latentNoise?: LatentNoiseConfig): TokenizerTrainerOptions['config'] =>
  tinyTokenizerTraining({ duration: { steps: 4 }, ...(latentNoise && { latentNoise }) });

async function train(
  options: Partial<TokenizerTrainerOptions>,
  { resume = false, stopAfter = Infinity } = {},
): Promise<StepReport[]> {
  const trainer = createTokenizerTrainer({
    tokenizer: tinyModel(),
    config: training(),
    openBatches: tinyBatches,
    ...options,
  });
  if (resume) await trainer.restore(directory);
  return stepReports(trainer, stopAfter);
}

const losses = (reports: readonly StepReport[]): number[] => reports.map(({ values }) => values['loss']!);
const images = (): tf.Tensor4D => tf.tensor4d(tinyImages(4).data, [4, 8, 8, 3]);

const engines = await compilingEngines();

describe('drawLatentNoise', () => {
  const tokenizer = { grid: [4, 5], vocabSize: 7, codeDepth: 2, quantizer: { codeDim: 3 } } as const;
  const key = randomKey(3);

  it('replaces some tokens of some images by any codes', () => {
    const noise = drawLatentNoise({ kind: 'codes', rate: 0.3 }, 0.6, tokenizer, 400, key);
    expect(noise.weights.shape).toEqual([400, 20, 1]);
    const perImage = [...tf.sum(noise.weights, [1, 2]).dataSync()];
    expect(perImage.filter((count) => count > 0).length / 400).toBeCloseTo(0.6, 1);
    expect(perImage.reduce((sum, count) => sum + count) / (400 * 20)).toBeCloseTo(0.18, 1);
    if (!('codes' in noise)) throw new Error('no codes');
    expect([noise.codes.shape, noise.codes.dtype]).toEqual([[400, 20, 2], 'int32']);
    expect(new Set(noise.codes.dataSync())).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
  });

  it('mixes normal noise into all tokens of an image alike', () => {
    const noise = drawLatentNoise({ kind: 'gaussian', stddev: 2 }, 1, tokenizer, 200, key);
    const { mean, variance } = tf.moments(noise.weights, [1, 2]);
    expect(Math.max(...variance.dataSync())).toBeLessThan(1e-9);
    expect(tf.mean(mean).dataSync()[0]).toBeCloseTo(0.5, 1);
    if (!('values' in noise)) throw new Error('no values');
    expect(noise.values.shape).toEqual([200, 20, 3]);
    expect(tf.moments(noise.values).variance.dataSync()[0]).toBeCloseTo(4, 0);
    expect([...drawLatentNoise({ kind: 'gaussian', stddev: 2 }, 0, tokenizer, 2, key).weights.dataSync()]).toEqual(
      new Array(40).fill(0),
    );
  });

  it('changes its probability along a line of steps', () => {
    expect([0, 1, 3, 9].map((step) => noiseProbability(gaussian, step))).toEqual([
      1,
      expect.closeTo(0.7333, 3),
      expect.closeTo(0.2, 9),
      expect.closeTo(0.2, 9),
    ]);
    expect([noiseProbability(codes, 9), noiseProbability({ kind: 'codes', rate: 1 }, 9)]).toEqual([0.5, 1]);
  });
});

describe('noise in what the decoder gets', () => {
  it('is the mix of codes and noise, whose gradient the codes in place of others do not get', () => {
    const tokenizer = shake(tinyModel());
    const x = images();
    const random = tf.tensor2d(
      Array.from({ length: 16 }, (_, index) => index),
      [4, 4],
      'int32',
    );
    const { quantized } = tokenizer.features(x);
    const weights = tf.tensor3d(
      Array.from({ length: 16 }, (_, index) => index % 2),
      [4, 4, 1],
    );
    const expected = tf.where(
      tf.tile(tf.cast(weights, 'bool'), [1, 1, 4]),
      tokenizer.quantizer.decode(random),
      quantized!,
    );
    const { decoded } = tokenizer.forward(x, { latentNoise: { weights, codes: random } });
    expect(decoded).toBeAllClose(tokenizer.decodeLatents(expected), { rtol: 1e-4, atol: 1e-5 });
    const values = tf.fill<tf.Rank.R3>([4, 4, 4], 2);
    const half = tf.fill<tf.Rank.R3>([4, 4, 1], 0.25);
    const mixed = tf.add<tf.Tensor3D>(tf.mul(quantized!, 0.75), 0.5);
    expect(tokenizer.forward(x, { latentNoise: { weights: half, values } }).decoded).toBeAllClose(
      tokenizer.decodeLatents(mixed),
      { rtol: 1e-4, atol: 1e-5 },
    );

    // All tokens replaced: the reconstruction says nothing of the image, and the encoder learns of
    // its quantizer alone.
    const gradients = createTokenizerGradients({ tokenizer, weights: { l2: 1, quantizer: 0 } });
    const all = { weights: tf.ones<tf.Rank.R3>([4, 4, 1]), codes: random };
    const { gradients: named } = gradients(x, { latentNoise: all });
    for (const [name, gradient] of named) {
      const isLearned = name.startsWith('decoder') || name.startsWith('postQuantization');
      expect(tf.max(tf.abs(gradient)).dataSync()[0]! > 0, name).toBe(isLearned);
    }
  });

  it.each([
    ['codes', codes],
    ['gaussian', gaussian],
  ] as const)('of kind %s is a function of seed and step; resumed, a run goes on bit for bit', async (_, noise) => {
    const config = training(noise);
    const straight = losses(await train({ config }));
    expect(straight).not.toEqual(losses(await train({})));
    const first = await train({ config, directory }, { stopAfter: 2 });
    const second = await train({ config, directory, tokenizer: tinyModel({}, 9) }, { resume: true });
    expect([...losses(first), ...losses(second)]).toEqual(straight);
  });

  it('waits for the codes, and leaves evaluations alone', async () => {
    const codebook = { ...training().codebook, autoencoderFraction: 0.5 };
    const [quiet, noisy] = [
      { ...training(), codebook },
      { ...training(codes), codebook },
    ];
    const [before, after] = [losses(await train({ config: quiet })), losses(await train({ config: noisy }))];
    expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
    expect(after[2]).not.toEqual(before[2]);
    const tokenizer = tinyModel();
    const trainer = createTokenizerTrainer({
      tokenizer,
      config: { ...training(codes), duration: { steps: 1 } },
      openBatches: tinyBatches,
      evaluation: { images: tinyImages(4), everySteps: 1 },
    });
    const { evaluation } = await trainer.run();
    expect(evaluation!.reconstructions.data).toBeAllClose(tokenizer.reconstruct(images()).dataSync(), { atol: 1e-5 });
    trainer.dispose();
  });

  it('trains residual codes too', async () => {
    const quantizer = {
      kind: 'residual',
      codeDepth: 2,
      quantizer: { kind: 'vector', codebookSize: 16, codeDim: 4 },
    } as const;
    const tokenizer = createTokenizer({ ...tinyConfig, quantizer }, { seed: 1 });
    const config = { ...training(codes), codebook: { ...training().codebook, resetEvery: 0 } };
    expect(losses(await train({ tokenizer, config })).every(Number.isFinite)).toBe(true);
  });

  it('is refused for values that make no sense', () => {
    const parse = (latentNoise: unknown) => (): unknown =>
      tokenizerTrainingSchema.parse({ ...training(), latentNoise });
    expect(() =>
      createTokenizerTrainer({
        tokenizer: tinyModel(),
        config: training({ kind: 'codes', rate: 0 }),
        openBatches: tinyBatches,
      }),
    ).toThrow(ConfigError);
    expect(parse({ kind: 'codes', rate: 1.5 })).toThrow('latentNoise');
    expect(parse({ kind: 'codes', rate: 0.5, stddev: 1 })).toThrow('stddev');
    expect(parse({ kind: 'gaussian', stddev: 0 })).toThrow('latentNoise');
    expect(parse({ kind: 'salt', rate: 0.5 })).toThrow('latentNoise');
    expect(parse({ kind: 'gaussian', stddev: 1, probability: 0 })).toThrow('probability');
    expect(parse({ kind: 'gaussian', stddev: 1, probability: 'often' })).toThrow(
      'expected a number in (0, 1], or { start, end, steps }',
    );
    expect(parse(gaussian)).not.toThrow();
  });

  for (const { name: engine, isHere } of engines) {
    it.skipIf(!isHere).each([codes, gaussian])(
      `gives the numbers of the plain engine on ${engine}: $kind`,
      async (noise) => {
        const config = { ...training(noise), duration: { steps: 2 } };
        const eager = losses(await train({ config }));
        await useEngine({ name: engine, threads: 2, onCompile: () => undefined });
        expect(losses(await train({ config }))).toBeAllClose(eager, { rtol: 1e-3 });
      },
    );
  }
});
