/** Numbers of the examples that draw images from images. */
import { foldIn, randomKey, type RandomKey } from '@vitvq/core';
import { QUICKSTART_BATCH_SIZE, QUICKSTART_TRAINING, type TokenizerTrainingConfig } from '@vitvq/stage1-trainer';
import { QUICKSTART_TRANSFORMER_TRAINING, type TransformerTrainingConfig } from '@vitvq/stage2-trainer';
import { QUICKSTART, type ViTTokenizerConfig } from '@vitvq/tokenizer';
import type { ExampleImages } from '../example-images.js';

/** What decides the numbers of the trainings. */
export interface ImageToImageSettings {
  readonly seed: number;
  /** Of both trainings together. */
  readonly minutes: number;
  readonly smoke: boolean;
}

/** `--smoke`: everything once, on models that even the slowest engine trains in seconds. */
export const IMAGE_TO_IMAGE_SMOKE = { imageSize: 16, trainImages: 48, testImages: 24 } as const;

const SMOKE = { steps: 6, batchSize: 8, blocks: { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 }, codes: 32 } as const;

/** What each training gets of the minutes. */
const FRACTIONS = { tokenizer: 0.4, transformer: 0.6 } as const;

/** The classifier whose features compare images, see `trainProxyClassifier`. */
const PROXY = { steps: 300, channels: [32, 64, 128], inputSize: [32, 32] } as const;
const SMOKE_PROXY = { steps: 2, channels: [8], inputSize: [16, 16] } as const;

/** Images a step of the transformer: few, because in minutes it is steps that teach it. */
const TRANSFORMER_BATCH_SIZE = 8;

/**
 * Rows and columns of tokens that share a part of the condition: fewer parts are learned faster
 * than one for each token.
 */
export const TOKENS_OF_PART = 2;

/** How images are drawn: of the likeliest codes, without guidance. */
export const IMAGE_TO_IMAGE_SAMPLING = { topK: 10, temperature: 0.8 } as const;

/** Seconds between two measurements on held-out images, and between two checkpoints. */
export const EVERY_SECONDS = { evaluation: 90, checkpoint: 30 } as const;

/** Keys folded from the seed, apart from those that models and trainers fold from it. */
const STREAMS = {
  tokenizerBatches: 501,
  transformer: 502,
  transformerBatches: 503,
  conditioner: 504,
  proxyBatches: 505,
} as const;

/** Returns the key of one use of random numbers. */
export function imageToImageKey({ seed }: ImageToImageSettings, stream: keyof typeof STREAMS): RandomKey {
  return foldIn(randomKey(seed), STREAMS[stream]);
}

/** Everything that the trainings follow. */
export interface ImageToImagePlan {
  readonly tokenizer: ViTTokenizerConfig;
  readonly tokenizerTraining: TokenizerTrainingConfig;
  readonly transformer: { readonly dim: number; readonly depth: number; readonly numHeads: number };
  readonly transformerTraining: TransformerTrainingConfig;
  /** Sizes and steps of the classifier whose features compare images. */
  readonly proxy: {
    readonly steps: number;
    readonly channels: readonly number[];
    readonly inputSize: readonly [number, number];
  };
  /** Images a step, or at once where nothing is trained. */
  readonly batchSizes: { readonly tokenizer: number; readonly transformer: number; readonly evaluation: number };
}

/** Returns the plan of a run. */
export function imageToImagePlan(
  { seed, minutes, smoke }: ImageToImageSettings,
  sizes: ExampleImages['sizes'],
): ImageToImagePlan {
  const duration = (part: keyof typeof FRACTIONS): { steps: number } | { minutes: number } =>
    smoke ? { steps: SMOKE.steps } : { minutes: FRACTIONS[part] * minutes };
  const { steps: _steps, batchSize, blocks, codes } = SMOKE;
  const { dim, depth, numHeads } = blocks;
  const quantizer = { ...QUICKSTART.quantizer, codebookSize: codes };
  return {
    tokenizer: { ...QUICKSTART, ...sizes, ...(smoke && { encoder: blocks, decoder: blocks, quantizer }) },
    tokenizerTraining: { ...QUICKSTART_TRAINING, duration: duration('tokenizer'), seed },
    transformer: smoke ? { dim, depth, numHeads } : { dim: 128, depth: 3, numHeads: 4 },
    transformerTraining: { ...QUICKSTART_TRANSFORMER_TRAINING, duration: duration('transformer'), seed },
    proxy: smoke ? SMOKE_PROXY : PROXY,
    batchSizes: smoke
      ? { tokenizer: batchSize, transformer: batchSize, evaluation: batchSize }
      : { tokenizer: QUICKSTART_BATCH_SIZE, transformer: TRANSFORMER_BATCH_SIZE, evaluation: 50 },
  };
}
