/** Every number of the pipeline that is not in a preset of the packages. */
import * as tf from '@tensorflow/tfjs';
import { foldIn, randomKey } from '@vitvq/core';
import type { Precision } from '@vitvq/engine';
import { QUICKSTART_BATCH_SIZE, QUICKSTART_TRAINING, type TokenizerTrainingConfig } from '@vitvq/stage1-trainer';
import {
  QUICKSTART_TRANSFORMER_BATCH_SIZE,
  QUICKSTART_TRANSFORMER_TRAINING,
  type TransformerTrainingConfig,
} from '@vitvq/stage2-trainer';
import { QUICKSTART, type ViTTokenizerConfig } from '@vitvq/tokenizer';
import {
  GPT,
  RQTransformer,
  type AutoregressiveModel,
  type GPTOptions,
  type RQTransformerOptions,
} from '@vitvq/transformers';

/** The two recipes: one code a position and a GPT, or residual codes and an RQTransformer. */
export const MODELS = ['gpt', 'rq'] as const;
export type ModelName = (typeof MODELS)[number];

/** What decides the numbers of a run; results of other settings are not mixed. */
export interface Settings {
  readonly model: ModelName;
  readonly seed: number;
  /** Of the whole pipeline, on two quiet cores. */
  readonly minutes: number;
  readonly smoke: boolean;
  /** Of matrix products and convolutions in both trainings. */
  readonly precision: Precision;
}

export const DEFAULTS = {
  out: { gpt: 'runs/pipeline', rq: 'runs/rq-pipeline' },
  model: 'gpt',
  seed: 0,
  minutes: 15,
} as const satisfies Record<string, unknown> & { out: Record<ModelName, string>; model: ModelName };

/** What each training gets of the minutes; codes, samples and probe take the rest. */
const FRACTIONS = { tokenizer: 4.5 / 15, gpt: 7 / 15 } as const;

/**
 * How many images the stages without a clock take at the default minutes, and the least and most of
 * each.
 */
const IMAGES = {
  /** Encoded into shards, `VIEWS` times each. */
  codes: { usual: 20_000, least: 1_000, most: 40_000 },
  /** The probe learns from, its validation part included. */
  probe: { usual: 8_000, least: 1_000, most: 10_000 },
  /** The probe is tested on. */
  probeTest: { usual: 10_000, least: 1_000, most: 10_000 },
} as const;

/**
 * Steps a second that the tokenizer's training must reach for the stages without a clock to take
 * all of their images. Two quiet cores make ten; a machine that is slower gets fewer images, so
 * that the whole takes the time that it was given.
 */
const FULL_PACE = 8;

/**
 * Images of CIFAR-10's training split, from its end, that neither tokenizer nor transformer learns
 * from: the probe's.
 */
export const KEPT_FOR_PROBE = 10_000;

/** Test images that tokenizer and transformer are measured on, or all where there are fewer. */
export const VALIDATION_IMAGES = 1_000;

/** Each image as it is, and mirrored. */
export const VIEWS = 2;

/** `--smoke`: everything once, on models that even the slowest engine trains in seconds. */
export const SMOKE = {
  imageSize: 16,
  trainImages: 48,
  probeImages: 60,
  testImages: 30,
  steps: { tokenizer: 6, gpt: 6 },
  batchSize: 8,
} as const;

const SMOKE_TRANSFORMER = { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 } as const;
const SMOKE_CODES = 32;

export function imageSizeOf({ smoke }: Settings): number {
  return smoke ? SMOKE.imageSize : QUICKSTART.imageSize;
}

/** How many images the stages without a clock take. */
export interface Amounts {
  readonly codes: number;
  readonly probe: number;
  readonly probeTest: number;
}

/** Images of each stage, after a training of the tokenizer that took so many steps and seconds. */
export function amountsOf(
  { minutes, smoke }: Settings,
  { steps, trainingSeconds }: { readonly steps: number; readonly trainingSeconds: number },
): Amounts {
  if (smoke) {
    const { trainImages, probeImages, testImages } = SMOKE;
    return { codes: trainImages, probe: probeImages, probeTest: testImages };
  }
  const pace = Math.min(1, steps / trainingSeconds / FULL_PACE);
  const scaled = ({ usual, least, most }: (typeof IMAGES)[keyof typeof IMAGES]): number =>
    Math.min(most, Math.max(least, Math.round((usual * pace * minutes) / DEFAULTS.minutes)));
  return {
    codes: scaled(IMAGES.codes),
    probe: scaled(IMAGES.probe),
    probeTest: scaled(IMAGES.probeTest),
  };
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
const STREAMS = { tokenizerBatches: 301, gpt: 302, gptBatches: 303, holdOut: 304 } as const;

export function keyOf({ seed }: Pick<Settings, 'seed'>, stream: keyof typeof STREAMS): ReturnType<typeof randomKey> {
  return foldIn(randomKey(seed), STREAMS[stream]);
}

/**
 * Residual codes: every level has a codebook of its own, because what is left over gets smaller
 * from level to level, and codes are not normalised, so that they can be as small as that.
 */
const RESIDUAL = { codeDepth: 2, codebookSize: 512 } as const;

export function tokenizerConfig({ model, smoke }: Settings): ViTTokenizerConfig {
  const { imageSize } = SMOKE;
  const { quantizer } = QUICKSTART;
  const sizes = smoke && { imageSize, encoder: SMOKE_TRANSFORMER, decoder: SMOKE_TRANSFORMER };
  const codebookSize = smoke ? SMOKE_CODES : model === 'gpt' ? quantizer.codebookSize : RESIDUAL.codebookSize;
  if (model === 'gpt') return { ...QUICKSTART, ...sizes, quantizer: { ...quantizer, codebookSize } };
  return {
    ...QUICKSTART,
    ...sizes,
    quantizer: {
      kind: 'residual',
      codeDepth: RESIDUAL.codeDepth,
      codebooks: 'separate',
      quantizer: { ...quantizer, codebookSize, normalize: false },
    },
  };
}

/**
 * Squared error alone: what the transformer learns is the codes, and a discriminator would take
 * half of the time.
 */
export function tokenizerPlan({ minutes, smoke, seed, precision }: Settings): TokenizerTrainingConfig {
  const duration = smoke ? { steps: SMOKE.steps.tokenizer } : { minutes: FRACTIONS.tokenizer * minutes };
  return { ...QUICKSTART_TRAINING, duration, seed, precision };
}

/** What the report calls the transformer. */
export function modelTitle({ model }: Settings): string {
  return model === 'gpt' ? 'GPT' : 'RQTransformer';
}

/**
 * Narrow, for as many images in its minutes as it can get; six blocks are enough to compare in the
 * layer sweep.
 */
const GPT_SIZE = { dim: 128, depth: 6, numHeads: 4 } as const satisfies Partial<GPTOptions>;
const SMOKE_GPT_SIZE = { dim: 16, depth: 2, numHeads: 2 } as const satisfies Partial<GPTOptions>;

/**
 * The second transformer sees the two codes of a position, for every position: a block of it costs
 * as much as two of the first.
 */
const RQ_SIZE = {
  dim: 128,
  spatial: { depth: 6, numHeads: 4 },
  depth: { depth: 1, numHeads: 4 },
} as const satisfies Partial<RQTransformerOptions>;
const SMOKE_RQ_SIZE = {
  dim: 16,
  spatial: { depth: 2, numHeads: 2 },
  depth: { depth: 1, numHeads: 2 },
} as const satisfies Partial<RQTransformerOptions>;

/**
 * Positions of an RQTransformer start as U[0, 1), as in the reference: far larger than its token
 * vectors, N(0, 0.02²), which it takes long to hear. With four levels of 256 codes it had 5.11 nats
 * per token after 80 steps, the unigram entropy, and with positions as small as these 4.76.
 */
const POSITION_SCALE = 0.02;

/** As its training begins: the same settings give the same weights. */
export function createTransformer(
  { vocabSize, grid, codeDepth }: Pick<AutoregressiveModel, 'vocabSize' | 'grid' | 'codeDepth'>,
  conditionVocabSize: number,
  settings: Settings,
): GPT | RQTransformer {
  const shared = { vocabSize, grid, conditionVocabSize, key: keyOf(settings, 'gpt') };
  if (settings.model === 'gpt') return new GPT({ ...(settings.smoke ? SMOKE_GPT_SIZE : GPT_SIZE), ...shared });
  const model = new RQTransformer({ ...(settings.smoke ? SMOKE_RQ_SIZE : RQ_SIZE), ...shared, codeDepth });
  tf.tidy(() => {
    for (const [name, variable] of model.namedVariables()) {
      if (/positions$/i.test(name)) variable.assign(tf.mul(variable, POSITION_SCALE));
    }
  });
  return model;
}

/**
 * Twice the usual fraction of examples without their class: it is how the probe, and half of
 * guidance, sees every image.
 */
const CONDITION_DROP_RATE = 0.2;

export function transformerPlan({ minutes, smoke, seed, precision }: Settings): TransformerTrainingConfig {
  const duration = smoke ? { steps: SMOKE.steps.gpt } : { minutes: FRACTIONS.gpt * minutes };
  return { ...QUICKSTART_TRANSFORMER_TRAINING, duration, conditionDropRate: CONDITION_DROP_RATE, seed, precision };
}

/** How images are generated. */
export const SAMPLING = { guidanceScale: 2, topK: 100 } as const;

/** Generated images of each class. */
export function samplesPerClass({ smoke }: Settings): number {
  return smoke ? 2 : 10;
}

/** How the probe is trained: see @vitvq/linear-probe. */
export const PROBE = {
  /** Of its images, to choose penalties and the best block on. */
  validationFraction: 0.2,
  /** Penalties that are tried, until two in a row were worse. */
  l2: [1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5],
  /**
   * Raw pixels are averaged over squares of this side: a quarter of them, which fits a quarter of
   * the time.
   */
  pixelPool: 2,
} as const;

/** Reconstructions in the report. */
export const SHOWN_RECONSTRUCTIONS = 24;
