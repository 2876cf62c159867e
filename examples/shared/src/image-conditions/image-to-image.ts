import { join } from 'node:path';
import type { HostImages, ImageBatch } from '@vitvq/core';
import { createBatches, readImages, type ImageDataset } from '@vitvq/data';
import type { ProxyClassifier } from '@vitvq/evaluation';
import { trainWithView } from '@vitvq/run';
import { ImageGenerator } from '@vitvq/sampling';
import { createTokenizerTrainer, readTokenizerWeights } from '@vitvq/stage1-trainer';
import { createTokenizer, type VQTokenizer } from '@vitvq/tokenizer';
import { loadTokenizer, saveTokenizer } from '@vitvq/tokenizer/node';
import { GPT } from '@vitvq/transformers';
import { loadTransformer } from '@vitvq/transformers/node';
import { z } from 'zod';
import type { ExampleImages } from '../example-images.js';
import { terminalView } from '../terminal-view.js';
import { trainComparingProxy } from './compare-images.js';
import { ImageConditioner } from './image-conditioner.js';
import {
  EVERY_SECONDS,
  IMAGE_TO_IMAGE_SAMPLING,
  imageToImageKey,
  TOKENS_OF_PART,
  type ImageToImagePlan,
  type ImageToImageSettings,
} from './plan.js';
import { trainImageTransformer, type ImageTransformerResult } from './train-image-transformer.js';

/** Images that are drawn, and other images that belong to them. */
export interface ImageToImageData extends Pick<ExampleImages, 'sizes' | 'shown'> {
  readonly train: ImageDataset;
  /** Everything is measured on them, and nothing learns from them. */
  readonly test: ImageDataset;
  /** An image for each image. @default none: a condition is made of the image itself */
  readonly conditions?: { readonly train: ImageDataset; readonly test: ImageDataset };
}

/** What the stages of an example that draws images from images work with. */
export interface ImageToImageRun {
  readonly settings: ImageToImageSettings;
  readonly plan: ImageToImagePlan;
  readonly data: ImageToImageData;
  /** Size of a condition in pixels, and the conditions of a batch. */
  readonly condition: {
    readonly size: readonly [number, number];
    readonly of: (batch: ImageBatch) => HostImages;
  };
  /** Where a stage keeps its files. */
  readonly folder: { of(stage: 'tokenizer' | 'transformer'): string };
  /** Stages throw its reason once it is aborted. */
  readonly signal: AbortSignal;
}

/** What the training of the tokenizer came to. */
export const imageTokenizerSchema = z.strictObject({
  /** Decibels on test images. */
  psnr: z.number(),
});

/**
 * Trains a tokenizer of the images that are drawn, on squared error alone, and saves it. Goes on
 * with what the folder holds.
 */
export async function trainImageTokenizer({
  settings,
  plan,
  data,
  folder,
  signal,
}: ImageToImageRun): Promise<z.output<typeof imageTokenizerSchema>> {
  const directory = folder.of('tokenizer');
  const tokenizer = createTokenizer(plan.tokenizer, { seed: settings.seed });
  const { imageSize } = data.sizes;
  const { tokenizer: batchSize, evaluation } = plan.batchSizes;
  try {
    const trainer = createTokenizerTrainer({
      tokenizer,
      config: plan.tokenizerTraining,
      openBatches: (startAt) =>
        createBatches(data.train, {
          batchSize: Math.min(batchSize, data.train.length),
          imageSize,
          ...data.shown,
          shuffle: true,
          key: imageToImageKey(settings, 'tokenizerBatches'),
          startAt,
        }),
      directory,
      checkpoint: { everySeconds: EVERY_SECONDS.checkpoint },
      evaluation: {
        images: await readImages(data.test, { imageSize }),
        batchSize: evaluation,
        everySeconds: EVERY_SECONDS.evaluation,
      },
    });
    const describe = ({ psnr }: { readonly psnr: number }): string => `${psnr.toFixed(2)} dB`;
    const summary = await trainWithView(trainer, { directory, view: terminalView, signal, describe });
    tokenizer.loadVariables(await readTokenizerWeights(directory));
    await saveTokenizer(modelIn(directory), tokenizer, plan.tokenizer);
    return { psnr: summary.evaluation.psnr };
  } finally {
    tokenizer.dispose();
  }
}

/**
 * Trains a transformer to draw the codes of images given the images that belong to them, and saves
 * it. Goes on with what the folder holds.
 */
export async function trainTransformerOf(run: ImageToImageRun): Promise<ImageTransformerResult> {
  const { settings, plan, data, folder, signal } = run;
  const tokenizer = await readTokenizer(run);
  const conditioner = createConditioner(run, tokenizer);
  const { vocabSize, grid } = tokenizer;
  const model = new GPT({
    ...plan.transformer,
    vocabSize,
    grid,
    conditionLength: conditioner.length,
    key: imageToImageKey(settings, 'transformer'),
  });
  const { transformer, evaluation } = plan.batchSizes;
  const { imageSize } = data.sizes;
  try {
    return await trainImageTransformer({
      directory: folder.of('transformer'),
      model,
      conditioner,
      tokenizer,
      config: plan.transformerTraining,
      openTraining: (startAt) =>
        createBatches(data.train, {
          batchSize: Math.min(transformer, data.train.length),
          imageSize,
          conditionSource: data.conditions?.train,
          ...data.shown,
          shuffle: true,
          key: imageToImageKey(settings, 'transformerBatches'),
          startAt,
        }),
      openTest: () =>
        createBatches(data.test, {
          batchSize: evaluation,
          imageSize,
          conditionSource: data.conditions?.test,
          lastBatch: 'pad',
          epochs: 1,
        }),
      signal,
    });
  } finally {
    for (const each of [model, conditioner, tokenizer]) each.dispose();
  }
}

/** What {@link drawImages} draws. */
export interface DrawnImages {
  /** Given their conditions. */
  readonly ours: HostImages;
  /** Given none, from the same seeds. */
  readonly noCondition: HostImages;
  /** What is left of the true images in their codes: the best that can be drawn with them. */
  readonly codes: HostImages;
}

/**
 * Draws an image for each condition with the models that the stages left. The same settings give
 * the same images.
 * @param real  the true images
 * @param conditions  of each, `[B, h, w, 3]`
 */
export async function drawImages(run: ImageToImageRun, real: HostImages, conditions: HostImages): Promise<DrawnImages> {
  const { settings, plan, folder, signal } = run;
  const tokenizer = await readTokenizer(run);
  const conditioner = createConditioner(run, tokenizer);
  const { model } = await loadTransformer(modelIn(folder.of('transformer')), { conditioner });
  const generator = new ImageGenerator({ model, conditioner, tokenizer, batchSize: plan.batchSizes.evaluation });
  try {
    const seeds = Array.from({ length: real.shape[0] }, (_, image) => settings.seed * 1_000_000 + image);
    const { topK, temperature } = IMAGE_TO_IMAGE_SAMPLING;
    const drawing = { seeds, temperature, topK: Math.min(topK, model.vocabSize), signal };
    const { images: ours } = await generator.generate({ ...drawing, conditions: conditions.data });
    const { images: noCondition } = await generator.generate(drawing);
    return { ours, noCondition, codes: await generator.decode(await generator.encode(real)) };
  } finally {
    generator.dispose();
    for (const each of [model, conditioner, tokenizer]) each.dispose();
  }
}

/** Trains a small classifier of the training images, whose features compare images. */
export function trainProxyOf({ settings, plan, data, signal }: ImageToImageRun): Promise<ProxyClassifier> {
  return trainComparingProxy({
    train: data.train,
    test: data.test,
    imageSize: data.sizes.imageSize,
    proxy: plan.proxy,
    batchSize: plan.batchSizes.evaluation,
    key: imageToImageKey(settings, 'proxyBatches'),
    seed: settings.seed,
    signal,
  });
}

function readTokenizer({ folder }: ImageToImageRun): Promise<VQTokenizer> {
  return loadTokenizer(modelIn(folder.of('tokenizer')));
}

function createConditioner({ settings, plan, condition }: ImageToImageRun, { grid }: VQTokenizer): ImageConditioner {
  return new ImageConditioner({
    imageSize: condition.size,
    grid: [grid[0] / TOKENS_OF_PART, grid[1] / TOKENS_OF_PART],
    dim: plan.transformer.dim,
    conditionsOf: condition.of,
    key: imageToImageKey(settings, 'conditioner'),
  });
}

function modelIn(directory: string): string {
  return join(directory, 'model');
}
