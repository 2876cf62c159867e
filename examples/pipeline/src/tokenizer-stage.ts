import { join } from 'node:path';
import { z } from 'zod';
import { writeSafetensors } from '@vitvq/checkpoint';
import { mean } from '@vitvq/core';
import { imageRange, trainWithProgress } from '@vitvq/example-shared';
import { createBatches, readImages } from '@vitvq/data';
import { codebookReports, type CodebookUse } from '@vitvq/evaluation';
import { readTokenizerWeights, createTokenizerTrainer } from '@vitvq/stage1-trainer';
import { createTokenizer, type VQTokenizer } from '@vitvq/tokenizer';
import { loadTokenizer, saveTokenizer } from '@vitvq/tokenizer/node';
import {
  batchSizesOf,
  EVERY_SECONDS,
  imageSizeOf,
  keyOf,
  SHOWN_RECONSTRUCTIONS,
  tokenizerConfig,
  tokenizerPlan,
  VALIDATION_IMAGES,
} from './config.js';
import type { StageContext } from './stage-context.js';

/** How test images use codes; see `CodebookUse` of @vitvq/evaluation. */
const usageSchema = z.strictObject({
  usage: z.number(),
  paperUsage: z.number().optional(),
  perplexity: z.number(),
  counts: z.array(z.number()),
});

export const tokenizerSchema = z.strictObject({
  steps: z.int(),
  trainingSeconds: z.number(),
  parameterCount: z.int(),
  /** Decibels, on test images. */
  psnr: z.number(),
  /**
   * Fraction of codes in a batch of 256 test images, mean over the batches; over all images where
   * there are fewer. Of residual codes, this and the perplexity are means over the levels.
   */
  codebookUsage: z.number(),
  codebookPerplexity: z.number(),
  /** Options of `codebookSection`; runs from before it was shown have none. */
  codes: z
    .strictObject({
      images: z.int(),
      codebook: usageSchema,
      levels: z.array(usageSchema),
      reports: z.array(z.strictObject({ advice: z.array(z.strictObject({ text: z.string() })) })),
    })
    .optional(),
});
export type TokenizerResult = z.output<typeof tokenizerSchema>;

/** In the folder of a stage that trains: its model, in the layout of model hubs. */
export const MODEL_FOLDER = 'model';

/** Test images and what the tokenizer makes of them, `[B, H, W, C]` each, in the stage's folder. */
export const RECONSTRUCTIONS_FILE = 'reconstructions.safetensors';

/** Images to codes and back (arXiv:2110.04627, stage 1). It is never told a class. */
export async function trainTokenizer({ settings, images, folder, signal }: StageContext): Promise<TokenizerResult> {
  const directory = folder.of('tokenizer');
  const batchSizes = batchSizesOf(settings);
  const imageSize = imageSizeOf(settings);
  const test = await readImages(imageRange(images.test, 0, VALIDATION_IMAGES), { imageSize });
  const config = tokenizerConfig(settings);
  const tokenizer: VQTokenizer = createTokenizer(config, { seed: settings.seed });
  const trainer = createTokenizerTrainer({
    tokenizer,
    config: tokenizerPlan(settings),
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
    const { step, elapsedSeconds, evaluation } = await trainWithProgress(trainer, {
      directory,
      signal,
      describe: ({ psnr }) => `${psnr.toFixed(2)} dB`,
    });
    tokenizer.loadVariables(await readTokenizerWeights(directory));
    await saveTokenizer(join(directory, MODEL_FOLDER), tokenizer, config, {
      metadata: { trainedOn: images.train.name, steps: String(step), psnr: evaluation.psnr.toFixed(2) },
    });
    const { psnr, codebook, levels, reconstructions } = evaluation;
    const reports = await codebookReports(tokenizer.quantizer, evaluation);
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
      codebookUsage: mean(levels.map(({ paperUsage, usage }) => paperUsage ?? usage)),
      codebookPerplexity: mean(levels.map(({ perplexity }) => perplexity)),
      codes: {
        images: count,
        codebook: countedUse(codebook),
        levels: levels.map(countedUse),
        reports: reports.map(({ advice }) => ({ advice: advice.map(({ text }) => ({ text })) })),
      },
    };
  } finally {
    tokenizer.dispose();
  }
}

function countedUse({ usage, paperUsage, perplexity, counts }: CodebookUse): z.output<typeof usageSchema> {
  return { usage, paperUsage, perplexity, counts: [...counts] };
}

/** The tokenizer that the stage left; the caller disposes of it. */
export function openTokenizer({ folder }: StageContext): Promise<VQTokenizer> {
  return loadTokenizer(join(folder.of('tokenizer'), MODEL_FOLDER));
}
