import { assertHasTokens } from '@vitvq/core';
import { createTokenizer, type VQTokenizer } from '@vitvq/tokenizer';
import { loadTokenizer } from '@vitvq/tokenizer/node';
import type { ResolvedRunConfig } from './config/run-config.js';
import { findModel } from './find-model.js';

/**
 * Returns what a transformer has to know of the tokenizer of a config.
 * @throws {ConfigError} for a tokenizer whose latents are no codes
 */
export async function tokensOf({
  tokenizer: stage,
  seed,
}: ResolvedRunConfig): Promise<{ vocabSize: number; grid: readonly [number, number]; codeDepth: number }> {
  const tokenizer: VQTokenizer =
    'from' in stage
      ? await loadTokenizer(await findModel(stage.from, 'tokenizer'))
      : createTokenizer(stage.model, { seed });
  try {
    assertHasTokens(tokenizer, 'the tokenizer of a run with a transformer');
    const { vocabSize, grid, codeDepth } = tokenizer;
    return { vocabSize, grid, codeDepth };
  } finally {
    tokenizer.dispose();
  }
}
