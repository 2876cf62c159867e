import * as tf from '@tensorflow/tfjs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { type StepReport } from '@vitvq/training';
import { useEngine } from '@vitvq/engine';
import { tinyBatches, tinyConfig, tinyImages, tinyTokenizerTraining } from '@vitvq/test-models';
import '@vitvq/test-utils';
import { createTokenizer } from '@vitvq/tokenizer';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTokenizerTrainer, type TokenizerTrainerOptions } from '../src/index.js';
import { tinyGanConfig, tinyGanTrainer } from './tiny-gan.js';

let directory: string;

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitvq-evaluation-'));
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

describe('evaluations and previews', () => {
  const images = tinyImages(4, 77);

  it('need images, and say so before a step is trained', () => {
    const [, height, width, channels] = images.shape;
    const none = { data: new Float32Array(0), shape: [0, height, width, channels] as const };
    for (const option of ['evaluation', 'preview']) {
      const create = (): unknown => tinyGanTrainer({ [option]: { images: none } });
      expect(create).toThrow(DataError);
      expect(create).toThrow(
        new RegExp(
          `^createTokenizerTrainer ${option}\\.images: expected at least one image, got \\[0, .*\\]\\. ` +
            `Hold images out, or leave ${option} away\\.$`,
        ),
      );
    }
  });

  it('previews at fixed images, often at first, and shows them in TensorBoard', async () => {
    const trainer = tinyGanTrainer({
      config: tinyGanConfig({ duration: { steps: 9 } }),
      directory,
      preview: { images, steps: [0, 1, 2, 5], everySteps: 4 },
      evaluation: { images },
    });
    const previews: number[] = [];
    trainer.on('preview', ({ step, originals, reconstructions }) => {
      previews.push(step);
      expect(originals).toBe(images);
      expect(reconstructions.shape).toEqual(images.shape);
    });
    await trainer.run();
    expect(previews).toEqual([0, 1, 2, 5, 8]);
    const events = (await readdir(directory)).filter((name) => name.startsWith('events.out.tfevents.'));
    expect(events).toHaveLength(1);
    const content = await readFile(join(directory, events[0]!), 'latin1');
    for (const tag of [
      'train/loss',
      'train/discriminator',
      'evaluate/psnr',
      'preview/reconstructions',
      'weights/tokenizer.quantizer.codebook',
      'weights/discriminator.',
      'codebook/uses of a code',
    ]) {
      expect(content).toContain(tag);
    }
    // The last preview is there for people without TensorBoard too.
    expect(await readdir(join(directory, 'preview'))).toContain('reconstructions.png');
    await train({ config: tinyTokenizerTraining(), directory: join(directory, 'other'), tensorBoard: false });
    expect((await readdir(join(directory, 'other'))).sort()).toEqual([
      'checkpoint-00000006.safetensors',
      'metrics.jsonl',
    ]);
  });

  it('warns of a level whose codes are hardly used, however much the others are', async () => {
    const table = { kind: 'vector', codebookSize: 16, codeDim: 4, normalize: false } as const;
    const quantizer = { kind: 'residual', codeDepth: 2, codebooks: 'separate', quantizer: table } as const;
    const tokenizer = createTokenizer({ ...tinyConfig, quantizer }, { seed: 1 });
    const heldOut = tinyImages(40, 77);
    tf.tidy(() => {
      const latents = tokenizer.latents(tf.tensor4d(heldOut.data, [...heldOut.shape]));
      tokenizer.quantizer.quantizers[0]!.codebook!.initialize(latents, tf.fill([16], 0.5));
      // One code where features are, and 15 that none will ever choose.
      const far = tf.mul(tf.minimum(tf.range(0, 16), 1), 1000);
      const codes = tokenizer.namedVariables().get('quantizer.quantizers.1.codebook')!;
      codes.assign(tf.tile(tf.reshape(far, [16, 1]), [1, 4]));
    });
    const trainer = createTokenizerTrainer({
      tokenizer,
      config: tinyTokenizerTraining({
        duration: { steps: 1 },
        codebook: { autoencoderFraction: 0, initializeFromData: false, resetEvery: 0 },
      }),
      openBatches: tinyBatches,
      evaluation: { images: heldOut },
    });
    const warnings: string[] = [];
    trainer.on('warning', ({ code, message }) => void warnings.push(`${code}: ${message}`));
    const { evaluation } = await trainer.run();
    expect(evaluation!.levels[0]!.usage).toBeGreaterThan(0.1);
    expect(warnings).toEqual([
      'low-codebook-usage: Only 6.3 % of the codes are in use at level 1. Reset dead codes, ' +
        'initialize the codebook from data, or lower codeDim: docs/codebook-health.md shows what helps.',
    ]);
    tokenizer.dispose();
  });

  it('warns of fixed codes that are hardly used, which nothing can reset', async () => {
    const tokenizer = createTokenizer({ ...tinyConfig, quantizer: { kind: 'fsq', levels: [5, 5] } }, { seed: 1 });
    // One feature for everything.
    for (const [name, variable] of tokenizer.namedVariables()) {
      if (name.startsWith('preQuantization')) variable.assign(tf.zerosLike(variable));
    }
    const trainer = createTokenizerTrainer({
      tokenizer,
      config: tinyTokenizerTraining({
        duration: { steps: 1 },
        codebook: { autoencoderFraction: 0, initializeFromData: false, resetEvery: 0 },
      }),
      openBatches: tinyBatches,
      evaluation: { images: tinyImages(40, 77) },
    });
    const messages: string[] = [];
    trainer.on('warning', ({ message }) => void messages.push(message));
    await trainer.run();
    expect(messages).toEqual(['Only 4 % of the codes are in use. They are fixed: fewer levels or bits would do.']);
    tokenizer.dispose();
  });

  it('measures on held-out images now and then and at the end', async () => {
    const evaluation = { images: tinyImages(6, 77), everySteps: 4, batchSize: 4 };
    const trainer = tinyGanTrainer({ directory, evaluation });
    const seen: number[] = [];
    trainer.on('evaluate', ({ step, count, psnr }) => void seen.push(step, count, psnr));
    const summary = await trainer.run();
    expect(seen.filter((_, index) => index % 3 === 0)).toEqual([4, 6]);
    expect(seen[1]).toBe(6);
    expect(summary.evaluation!.psnr).toBe(seen[5]);
    const log = await readFile(join(directory, 'metrics.jsonl'), 'utf8');
    expect(log).toContain('"event":"evaluate","step":4');
  });
});
