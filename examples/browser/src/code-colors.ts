import { readCodes } from '@vitvq/core';
import { codeColors } from '@vitvq/report';
import type { Models } from './models.js';

/**
 * A colour a code, `#rrggbb`, as the reports have them: similar ones of codes that are alike.
 * Residual codes mean something else on each level, so that theirs only tell them apart.
 */
export async function hexCodeColors(tokenizer: Models['tokenizer']): Promise<string[]> {
  const { vocabSize, codeDepth, quantizer } = tokenizer;
  const table = codeDepth === 1 ? quantizer.codebook?.tables[0] : undefined;
  const colors = codeColors(table ? { codebook: await readCodes(table) } : { codebookSize: vocabSize });
  const hex = Buffer.from(colors).toString('hex');
  return Array.from({ length: vocabSize }, (_, code) => `#${hex.slice(code * 6, code * 6 + 6)}`);
}
