import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { useEngine } from '@vitvq/engine';
import { shake, stepReports, tiny1DConfig, tinyBatches, tinyImages, tinyTokenizerTraining } from '@vitvq/test-models';
import { compilingEngines } from '@vitvq/test-utils';
import { createTokenizer, type VQTokenizer } from '@vitvq/tokenizer';
import { readTrainingLog, type StepReport } from '@vitvq/training';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createTokenizerGradients,
  createTokenizerLoss,
  createTokenizerTrainer,
  type TokenizerTrainerOptions,
} from '../src/index.js';
import { centralDifference, scalarOf } from './adversary.js';
import { tinyGanConfig, tinyGanTrainer } from './tiny-gan.js';

let directory: string;
beforeEach(async () => {
  await useEngine({ name: 'cpu' });
  directory = await mkdtemp(join(tmpdir(), 'vitvq-nested-'));
});
afterEach(async () => {
  await useEngine({ name: 'cpu' });
  await rm(directory, { recursive: true, force: true });
});

const create = (seed = 1): VQTokenizer => createTokenizer(tiny1DConfig, { seed });
const images = (): tf.Tensor4D => {
  const { data, shape } = tinyImages(4);
  return tf.tensor4d(data, [...shape]);
};

const duration = { steps: 4 };
const short = tinyTokenizerTraining({ duration });

async function train(
  options: Partial<TokenizerTrainerOptions> = {},
  { gan = false, resume = false, stopAfter = Infinity } = {},
): Promise<StepReport[]> {
  const given = { tokenizer: create(), ...options };
  const trainer = gan
    ? tinyGanTrainer(given)
    : createTokenizerTrainer({ config: short, openBatches: tinyBatches, ...given });
  if (resume) await trainer.restore(directory);
  return stepReports(trainer, stopAfter);
}

const losses = (reports: readonly StepReport[]): number[] => reports.map(({ values }) => values['loss']!);

const engines = await compilingEngines();

describe('nested dropout', () => {
  it('draws lengths from the seed, another tokenizer without them trains with all tokens', async () => {
    const first = losses(await train());
    expect(losses(await train())).toEqual(first);
    expect(losses(await train({ config: { ...short, seed: 7 } }))).not.toEqual(first);
    const { nestedLengths: _, ...whole } = tiny1DConfig;
    expect(losses(await train({ tokenizer: createTokenizer(whole, { seed: 1 }) }))).not.toEqual(first);
  });

  it.each([
    ['alone', {}, false],
    ['against a discriminator, in micro-batches', { config: tinyGanConfig({ duration, accumulate: 2 }) }, true],
  ] as const)('stopped and resumed, goes on with the same numbers bit for bit: %s', async (_name, options, gan) => {
    const straight = await train(options, { gan });
    const first = await train({ ...options, directory }, { gan, stopAfter: 2 });
    const second = await train({ ...options, directory, tokenizer: create(9) }, { gan, resume: true });
    expect([...first, ...second].map(({ values }) => values)).toEqual(straight.map(({ values }) => values));
  });

  it('measures the first tokens alone', async () => {
    const tokenizer = create();
    const trainer = createTokenizerTrainer({
      tokenizer,
      config: tinyTokenizerTraining({ duration: { steps: 2 } }),
      openBatches: tinyBatches,
      directory,
      evaluation: { images: tinyImages(3), batchSize: 2, everySteps: 2 },
    });
    const { evaluation } = await trainer.run();
    const x = tf.tensor4d(tinyImages(3).data, [3, 8, 8, 3]);
    const lengths = [2, 4, 8].map((tokens) => {
      const errors = tf.mean(tf.square(tf.sub(tokenizer.reconstruct(x, { tokens }), x)), [1, 2, 3]);
      const psnr = [...errors.dataSync()].reduce((sum, error) => sum - (10 * Math.log10(error)) / 3, 0);
      return { tokens, psnr: expect.closeTo(psnr, 3) as number };
    });
    expect(evaluation!.lengths).toEqual(lengths);
    expect(evaluation!.psnr).toBe(evaluation!.lengths!.at(-1)!.psnr);
    const logged = (await readTrainingLog(directory)).filter(({ event }) => event === 'evaluate');
    expect(logged.at(-1)).toMatchObject({ psnrOf2Tokens: lengths[0]!.psnr, psnrOf8Tokens: lengths[2]!.psnr });
    trainer.dispose();
  });

  it('agrees with finite differences of the loss', () => {
    const tokenizer = shake(create());
    const options = { tokenizer, quantize: false };
    const lengths = tf.tensor1d([2, 8, 4, 2], 'int32');
    const evaluate = createTokenizerLoss(options);
    const loss = (): number => tf.tidy(() => scalarOf(evaluate(images(), { lengths })['loss']!));
    const { gradients } = createTokenizerGradients(options)(images(), { lengths });
    for (const name of [
      'encoder.latentTokens',
      'postQuantization.bias',
      'decoder.latentPositions',
      'decoder.maskToken',
    ]) {
      const gradient = [...gradients.get(name)!.dataSync()];
      const element = gradient.reduce(
        (best, value, at) => (Math.abs(value) > Math.abs(gradient[best]!) ? at : best),
        0,
      );
      const numeric = centralDifference(tokenizer.namedVariables().get(name)!, element, 1e-3, loss);
      expect(Math.abs(gradient[element]! - numeric), name).toBeLessThan(2e-3 + 0.03 * Math.abs(numeric));
    }
  });

  it('refuses lengths of another shape, and those of a tokenizer without nested lengths', () => {
    const lengths = tf.scalar(2, 'int32') as tf.Tensor as tf.Tensor1D;
    expect(() => createTokenizerGradients({ tokenizer: create() })(images(), { lengths })).toThrow(
      'createTokenizerGradients, lengths: expected shape [B], got []. Give one number of tokens for each image.',
    );
    const { nestedLengths: _, ...whole } = tiny1DConfig;
    const plain = createTokenizerGradients({ tokenizer: createTokenizer(whole, { seed: 1 }) });
    expect(() => plain(images(), { lengths: tf.tensor1d([2, 2, 2, 2], 'int32') })).toThrow(
      'VQTokenizer.forward: expected a tokenizer with nestedLengths',
    );
  });

  for (const { name: engine, isHere } of engines) {
    it.skipIf(!isHere)(`gives the numbers of the plain engine on ${engine}`, async () => {
      const options = { config: tinyGanConfig({ duration: { steps: 2 } }) };
      const eager = await train(options, { gan: true });
      await useEngine({ name: engine, threads: 2, onCompile: () => undefined });
      const compiled = await train(options, { gan: true });
      expect(losses(compiled)).toBeAllClose(losses(eager), { rtol: 1e-2 });
    });
  }
});
