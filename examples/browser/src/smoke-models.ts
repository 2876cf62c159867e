import { join } from 'node:path';
import { foldIn, randomKey } from '@vitvq/core';
import { createTokenizer, type ViTTokenizerConfig } from '@vitvq/tokenizer';
import { saveTokenizer } from '@vitvq/tokenizer/node';
import { ClassConditioner, GPT, MaskedTransformer, RQTransformer } from '@vitvq/transformers';
import { saveTransformer } from '@vitvq/transformers/node';
import { MODEL_FOLDERS, SMOKE, SMOKE_TOKENIZER, SMOKE_TRANSFORMER } from './config.js';

export interface SmokeModelsOptions {
  /** Tokens a position. @default 1 */
  readonly codeDepth?: number;
  /** Which transformer there is; with `none` it is as after the quickstart. @default 'raster' */
  readonly transformer?: 'raster' | 'masked' | 'none';
}

/**
 * Leaves models with random weights where a run of the pipeline (or the quickstart) leaves its own.
 */
export async function makeSmokeModels(
  run: string,
  { codeDepth = 1, transformer = 'raster' }: SmokeModelsOptions = {},
): Promise<void> {
  const { quantizer } = SMOKE_TOKENIZER;
  const residual = { kind: 'residual', codeDepth, quantizer } as const;
  const config: ViTTokenizerConfig = { ...SMOKE_TOKENIZER, quantizer: codeDepth > 1 ? residual : quantizer };
  const tokenizer = createTokenizer(config, { seed: 0 });
  try {
    await saveTokenizer(join(run, MODEL_FOLDERS.tokenizer), tokenizer, config);
    if (transformer === 'none') return;
    const conditioner = new ClassConditioner({ classCount: SMOKE.classes.length, classNames: SMOKE.classes });
    const { vocabSize, grid } = tokenizer;
    const { depth, numHeads, dim, mlpDim } = SMOKE_TRANSFORMER;
    const shape = { vocabSize, grid, conditionVocabSize: conditioner.vocabSize, dim, mlpDim };
    const key = foldIn(randomKey(0), 1);
    const stack = { depth, numHeads };
    const create = (): GPT | RQTransformer | MaskedTransformer => {
      if (transformer === 'masked') return new MaskedTransformer({ ...shape, ...stack, key });
      if (codeDepth === 1) return new GPT({ ...shape, ...stack, key });
      return new RQTransformer({ ...shape, codeDepth, spatial: stack, depth: stack, key });
    };
    const model = create();
    await saveTransformer(join(run, MODEL_FOLDERS.transformer), model, conditioner).finally(() => model.dispose());
  } finally {
    tokenizer.dispose();
  }
}
