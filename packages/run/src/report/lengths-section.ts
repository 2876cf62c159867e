import type { HostImages } from '@vitvq/core';
import { Evaluator } from '@vitvq/evaluation';
import { comparisonGallery, type ComparisonColumn, type ReportSection } from '@vitvq/report';
import type { VQTokenizer } from '@vitvq/tokenizer';

/** Images in the gallery. */
const shown = 9;

/**
 * Shows images made of their first tokens alone, with the PSNR of each length; undefined for a
 * tokenizer that needs all of them.
 */
export async function lengthsSection(
  tokenizer: VQTokenizer,
  images: HostImages,
  batchSize: number,
): Promise<ReportSection | undefined> {
  const { nestedLengths } = tokenizer;
  if (!nestedLengths) return undefined;
  const { vocabSize, codeDepth } = tokenizer;
  const columns: ComparisonColumn[] = [{ label: 'original', images }];
  const rows: string[][] = [];
  for (const tokens of nestedLengths) {
    const evaluator = new Evaluator(tokenizer.firstTokens(tokens), { batchSize });
    try {
      const { psnr, reconstructions } = await evaluator.evaluate(images);
      const bits = tokens * codeDepth * Math.log2(vocabSize);
      columns.push({ label: `${tokens} tokens`, images: reconstructions });
      rows.push([String(tokens), String(Math.ceil(bits)), psnr.toFixed(2)]);
    } finally {
      evaluator.dispose();
    }
  }
  return {
    title: 'Fewer tokens',
    blocks: [
      {
        kind: 'text',
        text:
          'The same codes, cut off after the first tokens: training left off at a length drawn for each image, so that ' +
          'the first tokens hold what matters most.',
      },
      { kind: 'table', columns: ['Tokens', 'Bits an image', 'PSNR in dB'], rows },
      comparisonGallery(columns, { shown, file: 'lengths.png' }),
    ],
  };
}
