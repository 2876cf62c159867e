/** Every number of the quickstart that is not in a preset of @vitvq/stage1. */
import { foldIn, randomKey } from '@vitvq/core';
import { StyleDiscriminator, styleDiscriminatorChannels } from '@vitvq/discriminator';
import { QUICKSTART_BATCH_SIZE, QUICKSTART_TRAINING, type TokenizerTrainingConfig } from '@vitvq/stage1-trainer';
import { QUICKSTART, type ViTVQConfig } from '@vitvq/tokenizer';
import type { Settings } from './options.js';

/** What the options are when nobody says otherwise. */
export const DEFAULTS = {
  out: 'runs/quickstart',
  minutes: QUICKSTART_TRAINING.duration.minutes,
  seed: 0,
  batchSize: QUICKSTART_BATCH_SIZE,
  learningRate: QUICKSTART_TRAINING.learningRate.peak,
  /** CIFAR-10 has 32x32 pixels; 4x4 patches make 64 tokens of them. */
  cifar10: { imageSize: QUICKSTART.imageSize, patchSize: QUICKSTART.patchSize },
  /** Your own pictures: more pixels, as many tokens, so as fast. */
  folder: { imageSize: 64, patchSize: 8 },
} as const;

/** Images that are measured and never trained on: 1,000 of CIFAR-10's test images, or a part of your own. */
export const HELD_OUT = { images: 1000, shareOfFolder: 0.1 } as const;

/** Training crops of your own pictures are taken from a version that is so much larger. */
export const CROP_MARGIN = 1.125;

/** Seconds between two measurements on the held-out images, and between two checkpoints. */
export const EVERY_SECONDS = { evaluation: 60, checkpoint: 30 } as const;

/** Images a batch when measuring; no effect on the result. */
export const EVALUATION_BATCH = 50;

/** Keys folded from the seed, apart from those that model and trainer fold from it. */
export const STREAMS = { batches: 101, split: 102, discriminator: 104 } as const;

/** Pictures in the report and in the sample grids. */
export const SHOWN = { report: 48, samples: 16, comparison: 24 } as const;

/** Weights of the full loss; the perceptual term only where its network is given. */
const FULL_LOSS = { l2: 1, quantizer: 1, adversarial: 0.6, perceptual: 0.1 } as const;

/**
 * The discriminator learns for a while before the autoencoder hears it. Its loss is then made as strong as the squared error
 * at the decoder's last layer before the weight counts (adaptive weight). Equalised learning rates make it slow, so its rate is
 * higher; R1 is weak, as StyleGAN2's rule for so small images has it (0.0001 x pixels / batch).
 */
const DISCRIMINATOR = {
  start: { fraction: 0.25 },
  adversarialStart: { fraction: 0.5 },
  adaptiveWeight: true,
  r1: { weight: 0.01, every: 16 },
  learningRateScale: 6,
} as const;

/** Channels of its feature maps: about as much work as the tokenizer itself. */
const DISCRIMINATOR_WIDTH = 24;

/** `--smoke`: everything once, on a model that even the slowest engine trains in seconds. */
export const SMOKE = {
  steps: 6,
  batchSize: 8,
  trainImages: 64,
  heldOutImages: 32,
  sizes: { imageSize: 16, patchSize: 4 },
  size: { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 },
  codebookSize: 32,
  discriminatorWidth: 4,
} as const;

export function modelConfig({ imageSize, patchSize, smoke }: Settings): ViTVQConfig {
  const model = { ...QUICKSTART, imageSize, patchSize };
  return smoke
    ? {
        ...model,
        encoder: SMOKE.size,
        decoder: SMOKE.size,
        quantizer: { ...model.quantizer, codebookSize: SMOKE.codebookSize },
      }
    : model;
}

export function trainingPlan({ duration, learningRate, seed, loss, lpips }: Settings): TokenizerTrainingConfig {
  const plan = {
    ...QUICKSTART_TRAINING,
    duration,
    learningRate: { ...QUICKSTART_TRAINING.learningRate, peak: learningRate },
    seed,
  };
  if (loss === 'l2') return plan;
  const losses = { ...FULL_LOSS, perceptual: lpips === null ? 0 : FULL_LOSS.perceptual };
  return { ...plan, losses, discriminator: DISCRIMINATOR };
}

/** Undefined with `--loss l2`. */
export function createDiscriminator({ loss, imageSize, seed, smoke }: Settings): StyleDiscriminator | undefined {
  if (loss === 'l2') return undefined;
  return new StyleDiscriminator({
    size: imageSize,
    channels: styleDiscriminatorChannels({ width: smoke ? SMOKE.discriminatorWidth : DISCRIMINATOR_WIDTH }),
    key: foldIn(randomKey(seed), STREAMS.discriminator),
  });
}
