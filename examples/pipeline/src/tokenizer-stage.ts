import { join } from 'node:path';
import { writeSafetensors } from '@vitvq/checkpoint';
import { createBatches, readImages } from '@vitvq/data';
import { createViTVQ, readTokenizerWeights, Stage1Trainer, type ViTVQ } from '@vitvq/stage1';
import { z } from 'zod';
import {
  amountsOf,
  batchSizesOf,
  EVERY_SECONDS,
  imageSizeOf,
  keyOf,
  SHOWN_RECONSTRUCTIONS,
  tokenizerConfig,
  tokenizerPlan,
} from './config.js';
import { first } from './data.js';
import { train, type StageContext } from './stage-context.js';

export const tokenizerSchema = z.strictObject({
  steps: z.int(),
  trainingSeconds: z.number(),
  parameterCount: z.int(),
  /** Decibels, on test images. */
  psnr: z.number(),
  /** Share of codes in a batch of 256 test images, mean over the batches; over all images where there are fewer. */
  codebookUsage: z.number(),
  codebookPerplexity: z.number(),
});
export type TokenizerResult = z.output<typeof tokenizerSchema>;

/** Test images and what the tokenizer makes of them, `[B, H, W, C]` each, in the stage's folder. */
export const RECONSTRUCTIONS_FILE = 'reconstructions.safetensors';

/** Images to codes and back (arXiv:2110.04627, stage 1). It is never told a class. */
export async function trainTokenizer({ settings, images, folder, signal }: StageContext): Promise<TokenizerResult> {
  const directory = folder.of('tokenizer');
  const batchSizes = batchSizesOf(settings);
  const imageSize = imageSizeOf(settings);
  const test = await readImages(first(images.test, amountsOf(settings).validation), { imageSize });
  const tokenizer = createViTVQ(tokenizerConfig(settings), { seed: settings.seed });
  const trainer = new Stage1Trainer({
    tokenizer,
    plan: tokenizerPlan(settings),
    openBatches: (startAt) =>
      createBatches(images.train, {
        batchSize: batchSizes.tokenizer,
        imageSize,
        flip: true,
        shuffle: true,
        key: keyOf(settings, 'tokenizerBatches'),
        startAt,
      }),
    directory,
    checkpoint: { everySeconds: EVERY_SECONDS.checkpoint },
    evaluation: { images: test, batchSize: batchSizes.evaluation, everySeconds: EVERY_SECONDS.evaluation },
  });
  try {
    const { step, elapsedSeconds, evaluation } = await train(
      trainer,
      directory,
      signal,
      ({ psnr }) => `${psnr.toFixed(2)} dB`,
    );
    const { psnr, codebook, reconstructions } = evaluation;
    const [count, ...size] = test.shape;
    const shape = [Math.min(SHOWN_RECONSTRUCTIONS, count), ...size];
    const values = shape.reduce((product, length) => product * length, 1);
    await writeSafetensors(
      join(directory, RECONSTRUCTIONS_FILE),
      new Map([
        ['originals', { shape, data: test.data.slice(0, values) }],
        ['reconstructions', { shape, data: reconstructions.data.slice(0, values) }],
      ]),
    );
    return {
      steps: step,
      trainingSeconds: elapsedSeconds,
      parameterCount: tokenizer.parameterCount(),
      psnr,
      codebookUsage: codebook.paperUsage ?? codebook.usage,
      codebookPerplexity: codebook.perplexity,
    };
  } finally {
    tokenizer.dispose();
  }
}

/** The tokenizer that the stage left; the caller disposes of it. */
export async function loadTokenizer({ settings, folder }: StageContext): Promise<ViTVQ> {
  const tokenizer = createViTVQ(tokenizerConfig(settings), { seed: settings.seed });
  tokenizer.loadVariables(await readTokenizerWeights(folder.of('tokenizer')));
  return tokenizer;
}
