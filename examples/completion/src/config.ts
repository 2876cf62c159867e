/** Every number of this example. */
import { QUICKSTART_TRAINING, type TokenizerTrainingConfig } from '@vitvq/stage1-trainer';
import { QUICKSTART_TRANSFORMER_TRAINING, type TransformerTrainingConfig } from '@vitvq/stage2-trainer';
import { QUICKSTART, type ViTTokenizerConfig } from '@vitvq/tokenizer';
import type { GPTOptions } from '@vitvq/transformers';

export interface Settings {
  readonly seed: number;
  /** Images in the report. */
  readonly images: number;
  readonly smoke: boolean;
}

export const DEFAULTS = { run: 'runs/pipeline', out: 'runs/completion', seed: 0, images: 20 } as const;

/** Where a run of the pipeline, or `--smoke`, leaves its models. */
export const MODEL_FOLDERS = { tokenizer: 'tokenizer/model', transformer: 'transformer/model' } as const;

/** Test images that are measured, from the first on. */
export const MEASURED_IMAGES = 1000;

/**
 * Completions of each image in the report, from as many seeds. The first of either kind is
 * measured, on every image.
 */
export const COMPLETIONS = { withClass: 4, withoutClass: 2 } as const;

/** How completions are drawn; guidance is towards the class, so those without a class have none. */
export const SAMPLING = { topK: 100, guidanceScale: 2 } as const;

/** Images at once, whatever is done to them. */
export function batchSizeOf({ smoke }: Settings): number {
  return smoke ? SMOKE.batchSize : 50;
}

/**
 * `--smoke`: everything once, on made-up images and models that even the slowest engine trains in
 * seconds.
 */
export const SMOKE = {
  imageSize: 16,
  trainImages: 48,
  testImages: 24,
  images: 3,
  steps: 6,
  batchSize: 8,
} as const;

const SMOKE_SIZE = { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 } as const;

export const SMOKE_TOKENIZER: ViTTokenizerConfig = {
  ...QUICKSTART,
  imageSize: SMOKE.imageSize,
  encoder: SMOKE_SIZE,
  decoder: SMOKE_SIZE,
  quantizer: { ...QUICKSTART.quantizer, codebookSize: 32 },
};
export const SMOKE_TRANSFORMER = SMOKE_SIZE satisfies Partial<GPTOptions>;

const duration = { steps: SMOKE.steps };
export const SMOKE_PLANS: {
  readonly tokenizer: TokenizerTrainingConfig;
  readonly transformer: TransformerTrainingConfig;
} = {
  tokenizer: { ...QUICKSTART_TRAINING, duration },
  transformer: { ...QUICKSTART_TRANSFORMER_TRAINING, duration },
};
