import { createTokenizer, type VQTokenizer } from '@vitvq/tokenizer';
import { loadTokenizer } from '@vitvq/tokenizer/node';
import type { ResolvedRunConfig } from './config/run-config.js';
import { findModel } from './find-model.js';

/** Returns what a transformer has to know of the tokenizer of a config. */
export async function tokensOf({
  tokenizer: stage,
  seed,
}: ResolvedRunConfig): Promise<{ vocabSize: number; grid: readonly [number, number]; codeDepth: number }> {
  const tokenizer: VQTokenizer =
    'from' in stage
      ? await loadTokenizer(await findModel(stage.from, 'tokenizer'))
      : createTokenizer(stage.model, { seed });
  const { vocabSize, grid, quantizer } = tokenizer;
  const { codeDepth } = quantizer;
  tokenizer.dispose();
  return { vocabSize, grid, codeDepth };
}
