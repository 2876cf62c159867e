import { codeColors } from '@vitvq/report';
import type { Models } from './models.js';

/**
 * A colour a code, `#rrggbb`, as the reports have them: similar ones of codes that are alike. Residual codes mean something else
 * on each level, so that theirs only tell them apart.
 */
export async function hexCodeColors(tokenizer: Models['tokenizer']): Promise<string[]> {
  const { vocabSize, quantizer } = tokenizer;
  const codebook = tokenizer.namedVariables().get('quantizer.codebook');
  let colors: Uint8Array;
  if (codebook) {
    const data = Float32Array.from(await codebook.data());
    if ('normalize' in quantizer && quantizer.normalize) normalizeRows(data, codebook.shape[1]!);
    colors = codeColors({ codebook: { shape: codebook.shape, data } });
  } else {
    colors = codeColors({ codebookSize: vocabSize });
  }
  const hex = Buffer.from(colors).toString('hex');
  return Array.from({ length: vocabSize }, (_, code) => `#${hex.slice(code * 6, code * 6 + 6)}`);
}

/** Codes as the quantizer compares them: of length 1. */
function normalizeRows(data: Float32Array, width: number): void {
  for (let start = 0; start < data.length; start += width) {
    const row = data.subarray(start, start + width);
    const length = Math.hypot(...row);
    row.forEach((value, index) => (row[index] = value / length));
  }
}
