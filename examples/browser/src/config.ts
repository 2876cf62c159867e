/** Every number of this example. */
import { MADE_UP_CLASSES } from '@vitvq/data';
import { QUICKSTART, type ViTTokenizerConfig } from '@vitvq/tokenizer';
import type { GPTOptions } from '@vitvq/transformers';

export const DEFAULTS = {
  /** The one with the newest tokenizer. */
  runs: ['runs/pipeline', 'runs/rq-pipeline', 'runs/quickstart'],
  out: 'runs/browser',
  port: 5175,
} as const;

/** Where a run leaves its models; the quickstart has a tokenizer alone. */
export const MODEL_FOLDERS = { tokenizer: 'tokenizer/model', transformer: 'transformer/model' } as const;

/** Pictures to begin with: of each class the first, up to so many. */
export const PICTURES = 10;

/** `--smoke`: models that know nothing, in a moment. */
export const SMOKE = {
  imageSize: 16,
  classes: MADE_UP_CLASSES,
} as const;

const SMOKE_SIZE = { dim: 16, depth: 1, numHeads: 2, mlpDim: 32 } as const;

export const SMOKE_TOKENIZER = {
  ...QUICKSTART,
  imageSize: SMOKE.imageSize,
  encoder: SMOKE_SIZE,
  decoder: SMOKE_SIZE,
  quantizer: { ...QUICKSTART.quantizer, codebookSize: 32 },
} as const satisfies ViTTokenizerConfig;
export const SMOKE_TRANSFORMER = SMOKE_SIZE satisfies Partial<GPTOptions>;
