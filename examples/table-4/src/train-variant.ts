import { foldIn, randomKey, type HostImages } from '@vitvq/core';
import { createBatches } from '@vitvq/data';
import { PatchDiscriminator, StyleDiscriminator, styleDiscriminatorChannels } from '@vitvq/discriminator';
import { detailRatio, reconstructionMetrics } from '@vitvq/evaluation';
import type { ExampleImages } from '@vitvq/example-shared';
import { hingeAdversarialLoss } from '@vitvq/losses';
import { trainWithView, type RunView } from '@vitvq/run';
import { createTokenizerTrainer } from '@vitvq/stage1-trainer';
import { createTokenizer } from '@vitvq/tokenizer';
import {
  BATCH_SIZE,
  DISCRIMINATOR_WIDTH,
  EVALUATION_BATCH,
  modelConfig,
  trainingPlan,
  type Settings,
  type Variant,
} from './config.js';

/** What a training came to, on images that it has not seen. */
export interface Result {
  readonly name: string;
  readonly steps: number;
  readonly seconds: number;
  /**
   * Fraction of codes in a batch of 256 images, mean over the batches; over all images where there
   * are fewer.
   */
  readonly usage: number;
  readonly perplexity: number;
  /** Mean squared error. */
  readonly l2: number;
  /** Mean absolute error. */
  readonly l1: number;
  readonly psnr: number;
  readonly detail: number;
}

export interface TrainOptions {
  readonly images: ExampleImages;
  /** Held-out images, as large as the tokenizer wants them. */
  readonly test: HostImages;
  readonly settings: Settings;
  /** Where the training keeps its checkpoints; it goes on from the newest one. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly view: RunView;
}

/** Trains one tokenizer and measures it. @throws the signal's reason when it was aborted */
export async function trainVariant(
  variant: Variant,
  { images, test, settings, directory, signal, view }: TrainOptions,
): Promise<{ result: Result; reconstructions: HostImages }> {
  const key = randomKey(settings.seed);
  const { train, sizes, shown, onSkip } = images;
  const { imageSize } = sizes;
  const tokenizer = createTokenizer(modelConfig(variant, sizes, settings.smoke), { seed: settings.seed });
  const discriminator = createDiscriminator(variant, imageSize, settings.seed);
  const trainer = createTokenizerTrainer({
    tokenizer,
    adversarial: discriminator && { discriminator, loss: hingeAdversarialLoss },
    config: trainingPlan(variant, settings),
    openBatches: (startAt) =>
      createBatches(train, {
        batchSize: Math.min(BATCH_SIZE, train.length),
        imageSize,
        ...shown,
        shuffle: true,
        key: foldIn(key, 1),
        startAt,
        onSkip,
      }),
    directory,
    tensorBoard: false,
    evaluation: { images: test, batchSize: EVALUATION_BATCH },
  });
  try {
    const { evaluation, step, elapsedSeconds } = await trainWithView(trainer, {
      directory,
      view,
      signal,
      show: ['loss', 'l2'],
      describe: ({ psnr }) => `${psnr.toFixed(2)} dB`,
    });
    const { codebook, psnr, reconstructions } = evaluation;
    const [, height, width, channels] = test.shape;
    const { mse, mae } = reconstructionMetrics(test.data, reconstructions.data, height * width * channels);
    const result: Result = {
      name: variant.name,
      steps: step,
      seconds: elapsedSeconds,
      usage: codebook!.paperUsage ?? codebook!.usage,
      perplexity: codebook!.perplexity,
      l2: mse,
      l1: mae,
      psnr,
      detail: detailRatio(test.data, reconstructions.data, test.shape),
    };
    return { result, reconstructions };
  } finally {
    discriminator?.dispose();
    tokenizer.dispose();
  }
}

function createDiscriminator(
  { discriminator }: Variant,
  size: ExampleImages['sizes']['imageSize'],
  seed: number,
): StyleDiscriminator | PatchDiscriminator | undefined {
  const key = foldIn(randomKey(seed), 2);
  const { style, patch } = DISCRIMINATOR_WIDTH;
  if (discriminator === 'style') {
    return new StyleDiscriminator({ size, channels: styleDiscriminatorChannels({ width: style }), key });
  }
  return discriminator === 'patch' ? new PatchDiscriminator({ baseChannels: patch, depth: 2, key }) : undefined;
}
