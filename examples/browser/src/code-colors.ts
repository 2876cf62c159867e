import { codeColors } from '@vitvq/report';
import type { Models } from './models.js';

/**
 * A colour a code, `#rrggbb`, as the reports have them: similar ones of codes that are alike.
 * Residual codes mean something else on each level, so that theirs only tell them apart.
 */
export async function hexCodeColors(tokenizer: Models['tokenizer']): Promise<string[]> {
  const { vocabSize, quantizer } = tokenizer;
  const rows = quantizer.codeDepth === 1 ? quantizer.codebook?.tables[0]?.rows() : undefined;
  let colors: Uint8Array;
  if (rows) {
    const data = Float32Array.from(await rows.data());
    rows.dispose();
    colors = codeColors({ codebook: { shape: rows.shape, data } });
  } else {
    colors = codeColors({ codebookSize: vocabSize });
  }
  const hex = Buffer.from(colors).toString('hex');
  return Array.from({ length: vocabSize }, (_, code) => `#${hex.slice(code * 6, code * 6 + 6)}`);
}
