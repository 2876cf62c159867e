import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { firstImages, isQuantizer, mean, patchGrid, type HostImages } from '@vitvq/core';
import { createBatches, readImages } from '@vitvq/data';
import { compile } from '@vitvq/engine';
import {
  blockiness,
  codebookReports,
  detailRatio,
  loadFeatureExtractor,
  loadLPIPS,
  type CodebookUse,
  type Evaluation,
  type FeatureExtractor,
} from '@vitvq/evaluation';
import { createTokenizerTrainer, readTokenizerWeights, type AlignmentFeatures } from '@vitvq/stage1-trainer';
import { createTokenizer, type VQTokenizer } from '@vitvq/tokenizer';
import { loadTokenizer, saveTokenizer } from '@vitvq/tokenizer/node';
import { z } from 'zod';
import type { TrainedTokenizerConfig } from '../config/run-config.js';
import { findModel } from '../find-model.js';
import { keyOf } from '../keys.js';
import { modelFolder, type RunContext } from '../run-context.js';
import { someOf } from '../run-images.js';
import { trainWithView } from '../train-with-view.js';

/** How held-out images use codes; see `CodebookUse` of @vitvq/evaluation. */
const usageSchema = z.strictObject({
  usage: z.number(),
  paperUsage: z.number().optional(),
  perplexity: z.number(),
  counts: z.array(z.number()),
});

/** What the training of a tokenizer came to. */
export const tokenizerResultSchema = z.strictObject({
  steps: z.int(),
  trainingSeconds: z.number(),
  imagesPerSecond: z.number(),
  parameterCount: z.int(),
  /** Decibels, on held-out images. */
  psnr: z.number(),
  meanSquaredError: z.number(),
  /** PSNR of images made of their first tokens alone, for a tokenizer with nested lengths. */
  lengths: z.array(z.strictObject({ tokens: z.int(), psnr: z.number() })).optional(),
  /** How much neighbouring pixels of reconstructions differ, against the originals. */
  detail: z.number(),
  /**
   * How visible the borders between tokens are in reconstructions (between patches, where tokens
   * have no place in the image), see `blockiness` of @vitvq/evaluation; null where such a part is a
   * pixel or the whole image, and where nothing is visible but borders.
   */
  blockiness: z.number().nullable(),
  heldOutImages: z.int(),
  /** Divergence of latents that are no codes (`kl`), in nats a latent; codes have none. */
  klNatsPerLatent: z.number().optional(),
  /**
   * What follows is of codes, where latents are some.
   *
   * Fraction of codes in a batch of 256 held-out images, mean over the batches; over all images
   * where there are fewer. Of residual codes, this and the next two are means over the levels.
   */
  codebookUsage: z.number().optional(),
  /** The same of all held-out images together. */
  codebookUsageOverall: z.number().optional(),
  codebookPerplexity: z.number().optional(),
  /** Options of `codebookSection`. */
  codes: z
    .strictObject({
      images: z.int(),
      codebook: usageSchema,
      levels: z.array(usageSchema),
      reports: z.array(z.strictObject({ advice: z.array(z.strictObject({ text: z.string() })) })),
    })
    .optional(),
});

/** Result of the tokenizer's stage. */
export type TokenizerResult = z.output<typeof tokenizerResultSchema>;

/** Held-out images that the training is measured on, read into memory. */
export function readHeldOut(
  { images }: Pick<RunContext, 'images'>,
  { model, training }: TrainedTokenizerConfig,
): Promise<HostImages & { readonly names: readonly string[] }> {
  const shown = someOf(images.validation, training.evaluation.images);
  return readImages(shown, { imageSize: model.imageSize, onSkip: images.onSkip });
}

/** Trains the tokenizer: images to codes and back (arXiv:2110.04627, stage 1). */
export async function trainTokenizer(context: RunContext, stage: TrainedTokenizerConfig): Promise<TokenizerResult> {
  const { config, images, folder, view, signal } = context;
  const { seed, precision } = config;
  const { model, training } = stage;
  const { batchSize, evaluation, checkpoint, images: shown, perceptual: weights, ...others } = training;
  const { alignment: aligned, discriminator, ...learning } = others;
  const directory = folder.of('tokenizer');
  const heldOut = await readHeldOut(context, stage);
  const tokenizer: VQTokenizer = createTokenizer(model, { seed });
  const perceptual = !weights ? undefined : await loadLPIPS(weights);
  let extractor: (FeatureExtractor & { dispose(): void }) | undefined;
  try {
    if (typeof aligned === 'string') extractor = await loadFeatureExtractor(aligned);
    view.log(`  ${tokenizer.parameterCount()} weights, ${describeLatents(tokenizer)}`);
    view.log(`  ${images.train.length} images of ${images.train.name}, ${heldOut.shape[0]} to measure on`);
    const batches = {
      batchSize: Math.min(batchSize, images.train.length),
      imageSize: model.imageSize,
      resizeTo: shown.resizeTo,
      ...(shown.augment ? { augment: shown.augment } : { crop: shown.crop, flip: shown.flip }),
      shuffle: true,
      key: keyOf(seed, 'tokenizerBatches'),
      onSkip: images.onSkip,
    };
    const { images: _measured, ...measuring } = evaluation;
    const trainer = createTokenizerTrainer({
      tokenizer,
      config: { ...learning, ...(discriminator && { discriminator }), seed, precision },
      perceptual,
      ...(extractor && { alignment: await alignmentFeatures(extractor, heldOut.shape) }),
      openBatches: (startAt) => createBatches(images.train, { ...batches, startAt }),
      directory,
      checkpoint,
      evaluation: { ...measuring, images: heldOut },
      preview: { images: firstImages(heldOut, 16) },
      modelConfig: model,
    });
    const summary = await trainWithView(trainer, {
      directory,
      view,
      signal,
      show: ['loss', 'logitsReal', 'logitsFake'],
      describe: ({ psnr, kl: nats, reconstructions: { data } }) =>
        `${psnr.toFixed(2)} dB, detail ${detailRatio(heldOut.data, data, heldOut.shape).toFixed(2)}` +
        (nats === undefined ? '' : `, KL ${nats.toFixed(2)} nats a latent`),
    });
    const { psnr, lengths, meanSquaredError, count, reconstructions, kl } = summary.evaluation;
    tokenizer.loadVariables(await readTokenizerWeights(directory));
    await saveTokenizer(join(directory, modelFolder), tokenizer, model, {
      metadata: { trainedOn: images.train.name, steps: String(summary.step), psnr: psnr.toFixed(2) },
    });
    return {
      steps: summary.step,
      trainingSeconds: summary.elapsedSeconds,
      imagesPerSecond: summary.examplesPerSecond,
      parameterCount: tokenizer.parameterCount(),
      psnr,
      meanSquaredError,
      ...(lengths && { lengths: [...lengths] }),
      detail: detailRatio(heldOut.data, reconstructions.data, heldOut.shape),
      blockiness: blockinessOf(reconstructions, drawnGrid(model, tokenizer.grid)),
      heldOutImages: count,
      ...(kl !== undefined && { klNatsPerLatent: kl }),
      ...(await codeFigures(tokenizer, summary.evaluation)),
    };
  } finally {
    perceptual?.dispose();
    extractor?.dispose();
    tokenizer.dispose();
  }
}

/** Says what becomes of an image. */
function describeLatents(tokenizer: VQTokenizer): string {
  const { grid, quantizer, isContinuous } = tokenizer;
  const size = grid.join('x');
  return isContinuous
    ? `${size} latents of ${quantizer.codeDim} values an image`
    : `${size} tokens an image, ${tokenizer.vocabSize} codes`;
}

/** Returns the figures of codes; none where latents are no codes. */
async function codeFigures(
  { quantizer }: VQTokenizer,
  { codebook, levels, count }: Evaluation,
): Promise<Pick<TokenizerResult, 'codebookUsage' | 'codebookUsageOverall' | 'codebookPerplexity' | 'codes'>> {
  if (!codebook || !isQuantizer(quantizer)) return {};
  const reports = await codebookReports(quantizer, { codebook, levels });
  return {
    codebookUsage: mean(levels.map(({ paperUsage, usage }) => paperUsage ?? usage)),
    codebookUsageOverall: mean(levels.map(({ usage }) => usage)),
    codebookPerplexity: mean(levels.map(({ perplexity }) => perplexity)),
    codes: {
      images: count,
      codebook: countedUse(codebook),
      levels: levels.map(countedUse),
      reports: reports.map(({ advice }) => ({ advice: advice.map(({ text }) => ({ text })) })),
    },
  };
}

/** Returns the pooled features of an extractor for the alignment of latents. */
async function alignmentFeatures(
  extractor: FeatureExtractor,
  [, height, width, channels]: HostImages['shape'],
): Promise<AlignmentFeatures> {
  const features = (images: tf.Tensor4D): tf.Tensor2D => tf.tidy(() => extractor.features(images).pooled);
  const run = compile(features, { name: 'measure the width of features' });
  const image = tf.zeros<tf.Rank.R4>([1, height, width, channels]);
  const pooled = await run(image);
  const dim = pooled.shape[1];
  tf.dispose([image, pooled]);
  run.dispose();
  return { name: `${extractor.name} ${extractor.hash.slice(0, 16)}`, dim, features };
}

/** Returns rows and columns of what the decoder draws: tokens, or the patches of a 1-D decoder. */
function drawnGrid(model: TrainedTokenizerConfig['model'], grid: readonly [number, number]): readonly [number, number] {
  return model.architecture === 'vit-1d' ? patchGrid(model.imageSize, model.patchSize, 'tokenizer.model') : grid;
}

/** Returns the blockiness of images that are drawn part by part; null where there is none. */
function blockinessOf({ data, shape }: HostImages, grid: readonly [number, number]): number | null {
  const [, height, width] = shape;
  const [tokenHeight, tokenWidth] = [height / grid[0], width / grid[1]];
  const hasBorders = Math.max(...grid) > 1 && Math.max(tokenHeight, tokenWidth) > 1;
  const value = hasBorders ? blockiness(data, shape, [tokenHeight, tokenWidth]) : NaN;
  return Number.isFinite(value) ? value : null;
}

function countedUse({ usage, paperUsage, perplexity, counts }: CodebookUse): z.output<typeof usageSchema> {
  return { usage, paperUsage, perplexity, counts: [...counts] };
}

/** Returns the folder of a run's tokenizer: the one that it trained, or the one that it names. */
export async function tokenizerFolder({ config, folder }: Pick<RunContext, 'config' | 'folder'>): Promise<string> {
  const { tokenizer } = config;
  return 'from' in tokenizer ? findModel(tokenizer.from, 'tokenizer') : join(folder.of('tokenizer'), modelFolder);
}

/** The tokenizer of a run; the caller disposes of it. */
export async function openTokenizer(context: Pick<RunContext, 'config' | 'folder'>): Promise<VQTokenizer> {
  return loadTokenizer(await tokenizerFolder(context));
}
