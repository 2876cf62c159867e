/** Every number of the pipeline that is not in a preset of @vitvq/stage1 or @vitvq/stage2. */
import { foldIn, randomKey, type Tokenizer } from '@vitvq/core';
import {
  QUICKSTART,
  QUICKSTART_BATCH_SIZE,
  QUICKSTART_TRAINING,
  type Stage1Plan,
  type ViTVQConfig,
} from '@vitvq/stage1';
import {
  GPT,
  QUICKSTART_STAGE2_BATCH_SIZE,
  QUICKSTART_STAGE2_TRAINING,
  type GPTOptions,
  type Stage2Plan,
} from '@vitvq/stage2';

/** What decides the numbers of a run; results of other settings are not mixed. */
export interface Settings {
  readonly seed: number;
  /** Of the whole pipeline, on two quiet cores. */
  readonly minutes: number;
  readonly smoke: boolean;
}

export const DEFAULTS = { out: 'runs/pipeline', seed: 0, minutes: 15 } as const;

/** What each training gets of the minutes; codes, samples and probe take the rest. */
const SHARES = { tokenizer: 4.5 / 15, gpt: 6 / 15 } as const;

/** How many images the stages without a clock take at the default minutes, and the least and most of each. */
const IMAGES = {
  /** Encoded into shards, `VIEWS` times each. */
  codes: { usual: 12_500, least: 1_000, most: 40_000 },
  /** The probe learns from, its validation part included. */
  probe: { usual: 8_000, least: 1_000, most: 10_000 },
  /** The probe is tested on. */
  probeTest: { usual: 4_000, least: 1_000, most: 10_000 },
} as const;

/** Images of CIFAR-10's training split, from its end, that neither tokenizer nor GPT learns from: the probe's. */
export const KEPT_FOR_PROBE = 10_000;

/** Test images that tokenizer and GPT are measured on. */
const VALIDATION_IMAGES = 1_000;

/** Each image as it is, and mirrored. */
export const VIEWS = 2;

/** `--smoke`: everything once, on models that even the slowest engine trains in seconds. */
export const SMOKE = {
  imageSize: 16,
  classes: ['reddish', 'greenish', 'bluish'],
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

export interface Amounts {
  readonly codes: number;
  readonly validation: number;
  readonly probe: number;
  readonly probeTest: number;
}

/** Images of each stage. */
export function amountsOf({ minutes, smoke }: Settings): Amounts {
  if (smoke) {
    const { trainImages, probeImages, testImages } = SMOKE;
    return { codes: trainImages, validation: testImages, probe: probeImages, probeTest: testImages };
  }
  const scaled = ({ usual, least, most }: (typeof IMAGES)[keyof typeof IMAGES]): number =>
    Math.min(most, Math.max(least, Math.round((usual * minutes) / DEFAULTS.minutes)));
  return {
    codes: scaled(IMAGES.codes),
    validation: VALIDATION_IMAGES,
    probe: scaled(IMAGES.probe),
    probeTest: scaled(IMAGES.probeTest),
  };
}

/** Images a step, or at once where nothing is trained. */
export function batchSizesOf({ smoke }: Settings): { tokenizer: number; gpt: number; evaluation: number } {
  const { batchSize } = SMOKE;
  return smoke
    ? { tokenizer: batchSize, gpt: batchSize, evaluation: batchSize }
    : { tokenizer: QUICKSTART_BATCH_SIZE, gpt: QUICKSTART_STAGE2_BATCH_SIZE, evaluation: 50 };
}

/** Seconds between two measurements on held-out images, and between two checkpoints. */
export const EVERY_SECONDS = { evaluation: 60, checkpoint: 30 } as const;

/** Keys folded from the seed, apart from those that models and trainers fold from it. */
const STREAMS = { tokenizerBatches: 301, gpt: 302, gptBatches: 303, holdOut: 304 } as const;

export function keyOf({ seed }: Settings, stream: keyof typeof STREAMS): ReturnType<typeof randomKey> {
  return foldIn(randomKey(seed), STREAMS[stream]);
}

export function tokenizerConfig({ smoke }: Settings): ViTVQConfig {
  if (!smoke) return QUICKSTART;
  const { imageSize } = SMOKE;
  const small = { imageSize, encoder: SMOKE_TRANSFORMER, decoder: SMOKE_TRANSFORMER, codebookSize: SMOKE_CODES };
  return { ...QUICKSTART, ...small };
}

/** Squared error alone: what the GPT learns is the codes, and a discriminator would take half of the time. */
export function tokenizerPlan({ minutes, smoke, seed }: Settings): Stage1Plan {
  const duration = smoke ? { steps: SMOKE.steps.tokenizer } : { minutes: SHARES.tokenizer * minutes };
  return { ...QUICKSTART_TRAINING, duration, seed };
}

/** Narrow, for as many images in six minutes as it can get; six blocks are enough to compare in the layer sweep. */
const GPT_SIZE = { dim: 128, depth: 6, numHeads: 4 } as const satisfies Partial<GPTOptions>;
const SMOKE_GPT_SIZE = { dim: 16, depth: 2, numHeads: 2 } as const satisfies Partial<GPTOptions>;

/** As its training begins: the same settings give the same weights. */
export function createGPT(
  { vocabSize, grid }: Pick<Tokenizer, 'vocabSize' | 'grid'>,
  conditionVocabSize: number,
  settings: Settings,
): GPT {
  const size = settings.smoke ? SMOKE_GPT_SIZE : GPT_SIZE;
  return new GPT({ ...size, vocabSize, grid, conditionVocabSize, key: keyOf(settings, 'gpt') });
}

/** Twice the usual share of examples without their class: it is how the probe, and half of guidance, sees every image. */
const CONDITION_DROP_RATE = 0.2;

export function gptPlan({ minutes, smoke, seed }: Settings): Stage2Plan {
  const duration = smoke ? { steps: SMOKE.steps.gpt } : { minutes: SHARES.gpt * minutes };
  return { ...QUICKSTART_STAGE2_TRAINING, duration, conditionDropRate: CONDITION_DROP_RATE, seed };
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
  validationShare: 0.2,
  /** Raw pixels are averaged over squares of this side: a quarter of them, which fits a quarter of the time. */
  pixelPool: 2,
} as const;

/** Reconstructions in the report. */
export const SHOWN_RECONSTRUCTIONS = 24;
