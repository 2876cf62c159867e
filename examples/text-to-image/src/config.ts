/** Every number of this example that is not in a preset of the packages. */
import type { ExampleImages } from '@vitvq/example-shared';
import { foldIn, randomKey, type RandomKey, type Tokenizer } from '@vitvq/core';
import { QUICKSTART_BATCH_SIZE, QUICKSTART_TRAINING, type TokenizerTrainingConfig } from '@vitvq/stage1-trainer';
import {
  QUICKSTART_TRANSFORMER_BATCH_SIZE,
  QUICKSTART_TRANSFORMER_TRAINING,
  type TransformerTrainingConfig,
} from '@vitvq/stage2-trainer';
import { QUICKSTART, type ViTTokenizerConfig } from '@vitvq/tokenizer';
import { GPT, type Conditioner, type GPTOptions } from '@vitvq/transformers';
import type { CaptionParts } from './captions.js';

/** What decides the numbers of a run; results of other settings are not mixed. */
export interface Settings {
  readonly seed: number;
  /** Of everything, on two quiet cores. */
  readonly minutes: number;
  /** Whose tokenizer to take. Null: that of the default run if it is there, else one is trained. */
  readonly run: string | null;
  readonly smoke: boolean;
  /** Present for images of one's own; which ones, their fingerprints tell. */
  readonly ownImages?: true;
}

export const DEFAULTS = { run: 'runs/pipeline', out: 'runs/text-to-image', seed: 0, minutes: 11 } as const;

/** Where a run keeps its tokenizer. */
export const TOKENIZER_FOLDER = 'tokenizer/model';

/** What each training gets of the minutes. */
const FRACTIONS = { tokenizer: 2.75 / 11, gpt: 7 / 11 } as const;

/**
 * Images with a caption each that the GPT learns from: at the default minutes, and the least and
 * most of them.
 */
const CAPTIONED = { usual: 30_000, least: 1_000, most: 50_000 } as const;

/** Test images to measure on. */
const VALIDATION_IMAGES = 1_000;

/** `--smoke`: everything once, on models that even the slowest engine trains in seconds. */
export const SMOKE = {
  imageSize: 16,
  classes: ['airplane', 'frog', 'ship'],
  trainImages: 48,
  testImages: 16,
  steps: { tokenizer: 6, gpt: 6 },
  batchSize: 8,
} as const;

const SMOKE_TRANSFORMER = { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 } as const;

export function amountsOf({ minutes, smoke }: Settings): { readonly train: number; readonly validation: number } {
  if (smoke) return { train: SMOKE.trainImages, validation: SMOKE.testImages };
  const { usual, least, most } = CAPTIONED;
  const train = Math.min(most, Math.max(least, Math.round((usual * minutes) / DEFAULTS.minutes)));
  return { train, validation: VALIDATION_IMAGES };
}

/** Images a step, or at once where nothing is trained. */
export function batchSizesOf({ smoke }: Settings): { tokenizer: number; gpt: number; evaluation: number } {
  const { batchSize } = SMOKE;
  return smoke
    ? { tokenizer: batchSize, gpt: batchSize, evaluation: batchSize }
    : { tokenizer: QUICKSTART_BATCH_SIZE, gpt: QUICKSTART_TRANSFORMER_BATCH_SIZE, evaluation: 50 };
}

/** Seconds between two measurements on held-out images, and between two checkpoints. */
export const EVERY_SECONDS = { evaluation: 60, checkpoint: 30 } as const;

/** Keys folded from the seed, apart from those that models and trainers fold from it. */
const STREAMS = { captions: 401, tokenizerBatches: 402, gpt: 403, gptBatches: 404 } as const;

export function keyOf({ seed }: Settings, stream: keyof typeof STREAMS): RandomKey {
  return foldIn(randomKey(seed), STREAMS[stream]);
}

export function tokenizerConfig({ smoke }: Settings, sizes: ExampleImages['sizes']): ViTTokenizerConfig {
  if (!smoke) return { ...QUICKSTART, ...sizes };
  return {
    ...QUICKSTART,
    ...sizes,
    encoder: SMOKE_TRANSFORMER,
    decoder: SMOKE_TRANSFORMER,
    quantizer: { ...QUICKSTART.quantizer, codebookSize: 32 },
  };
}

export function tokenizerPlan({ minutes, smoke, seed }: Settings): TokenizerTrainingConfig {
  const duration = smoke ? { steps: SMOKE.steps.tokenizer } : { minutes: FRACTIONS.tokenizer * minutes };
  return { ...QUICKSTART_TRAINING, duration, seed };
}

/**
 * Tokens of text: enough for the bytes, every word of the captions and what they are merged from.
 */
export const TEXT_VOCABULARY = 512;

/** Text tokens before an image; the longest caption has 14 words, a token each. */
export const TEXT_LENGTH = 16;

/**
 * Captions of one's own have more words, and are longer: as many tokens as the longest one has, up
 * to so many.
 */
export const OWN_TEXT = { vocabulary: 2048, mostTokens: 64 } as const;

const GPT_SIZE = { dim: 128, depth: 6, numHeads: 4 } as const satisfies Partial<GPTOptions>;
const SMOKE_GPT_SIZE = { dim: 16, depth: 1, numHeads: 2 } as const satisfies Partial<GPTOptions>;

export function createGPT(
  { vocabSize, grid }: Pick<Tokenizer, 'vocabSize' | 'grid'>,
  conditioner: Pick<Conditioner, 'vocabSize' | 'length'>,
  settings: Settings,
): GPT {
  return new GPT({
    ...(settings.smoke ? SMOKE_GPT_SIZE : GPT_SIZE),
    vocabSize,
    grid,
    conditionVocabSize: conditioner.vocabSize,
    conditionLength: conditioner.length,
    key: keyOf(settings, 'gpt'),
  });
}

export function gptPlan({ minutes, smoke, seed }: Settings): TransformerTrainingConfig {
  const duration = smoke ? { steps: SMOKE.steps.gpt } : { minutes: FRACTIONS.gpt * minutes };
  return { ...QUICKSTART_TRANSFORMER_TRAINING, duration, seed };
}

/** How images are generated. */
export const SAMPLING = { guidanceScale: 3, topK: 100 } as const;

/** Pictures of each prompt; every prompt is drawn with the same seeds. */
export function picturesPerPrompt({ smoke }: Settings): number {
  return smoke ? 2 : 6;
}

/** What is drawn besides the prompts that are given: one thing changes at a time. */
export const SHOWN_PROMPTS: readonly CaptionParts[] = [
  { noun: 'ship' },
  { noun: 'car' },
  { noun: 'frog' },
  { noun: 'horse' },
  { noun: 'plane' },
  { noun: 'dog' },
  { noun: 'ship', brightness: 'dark' },
  { noun: 'ship', brightness: 'bright' },
  { noun: 'car', color: 'grey' },
  { noun: 'car', color: 'brown' },
  { noun: 'car', color: 'green' },
  { noun: 'car', color: 'blue' },
  { noun: 'dog', side: 'top' },
  { noun: 'dog', side: 'bottom' },
  { noun: 'dog', side: 'left side' },
  { noun: 'dog', side: 'right side' },
];

/**
 * The check asks for each value of each attribute that so large a fraction of the photographs has,
 * of every class, so often.
 */
export const CHECK = { leastShare: 0.01, seeds: 5, smokeSeeds: 1 } as const;
