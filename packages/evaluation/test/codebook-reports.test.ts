import '@tensorflow/tfjs';
import { ConfigError, randomKey } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { createQuantizer, type QuantizerConfig } from '@vitvq/quantizers';
import { tinyImages, tinyModel } from '@vitvq/test-models';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { beforeAll, describe, expect, it } from 'vitest';
import { codebookReports, Evaluator } from '../src/index.js';

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

/** Returns what an evaluation finds of codes that were chosen so often, level by level. */
function evaluationOf(...levels: readonly number[][]) {
  const use = (counts: readonly number[]) => ({
    usage: counts.filter((count) => count > 0).length / counts.length,
    paperUsage: undefined,
    perplexity: 1,
    deadCodes: [],
    counts: Float64Array.from(counts),
  });
  const total = levels[0]!.map((_, code) => levels.reduce((sum, counts) => sum + counts[code]!, 0));
  return { codebook: use(total), levels: levels.map(use) };
}

const vector = { kind: 'vector', codebookSize: 4, codeDim: 2 } as const;
const [even, collapsed] = [
  [40, 40, 40, 40],
  [160, 0, 0, 0],
];
const reportsOf = async (config: QuantizerConfig, ...levels: readonly number[][]) => {
  const quantizer = createQuantizer(config, randomKey(1));
  try {
    return await codebookReports(quantizer, evaluationOf(...levels));
  } finally {
    quantizer.dispose();
  }
};

describe('codebookReports', () => {
  it('looks at each level whose codes are its own', async () => {
    const config: QuantizerConfig = { kind: 'residual', codeDepth: 2, quantizer: vector, codebooks: 'separate' };
    const [first, second, ...others] = await reportsOf(config, even, collapsed);
    expect(others).toEqual([]);
    expect([first!.usage, second!.usage]).toEqual([1, 0.25]);
    expect([first!.deadCodes, second!.deadCodes]).toEqual([[], [1, 2, 3]]);
    expect(second!.advice[0]!.text).toContain('The codebook collapsed: 1 of 4 codes (25 %) are used.');
    // Each level has codes of its own, which lie elsewhere.
    expect(first!.closest!.pairs).not.toEqual(second!.closest!.pairs);
  });

  it('looks once at codes that levels share', async () => {
    const config: QuantizerConfig = { kind: 'residual', codeDepth: 2, quantizer: vector };
    const reports = await reportsOf(config, even, collapsed);
    expect(reports.map(({ usage, tokens }) => [usage, tokens])).toEqual([[1, 320]]);
    expect(reports[0]!.closest).toBeDefined();
  });

  it('does not advise to normalise the codes of a residual quantizer', async () => {
    const free = { ...vector, normalize: false } as const;
    const [alone] = await reportsOf(free, collapsed);
    expect(alone!.advice[0]!.text).toContain('Normalise codes');
    for (const codebooks of ['separate', 'shared'] as const) {
      const reports = await reportsOf(
        { kind: 'residual', codeDepth: 2, quantizer: free, codebooks },
        collapsed,
        collapsed,
      );
      for (const { advice } of reports) {
        expect(advice[0]!.text).toContain('The codebook collapsed');
        expect(advice[0]!.text).not.toContain('Normalise');
      }
    }
  });

  it('says nothing of where codes lie that are fixed', async () => {
    const config: QuantizerConfig = { kind: 'residual', codeDepth: 2, quantizer: { kind: 'fsq', levels: [3, 3] } };
    const [all, third] = [new Array<number>(9).fill(30), [90, 90, 90, 0, 0, 0, 0, 0, 0]];
    const reports = await reportsOf(config, all, third);
    expect(reports.map(({ deadCodes, closest }) => [deadCodes, closest])).toEqual([
      [[], undefined],
      [[3, 4, 5, 6, 7, 8], undefined],
    ]);
    expect(reports[1]!.advice[0]!.text).toContain('The codes are fixed');
  });

  it('says nothing of where codes lie that are put together of parts, and looks at each group of channels', async () => {
    const product: QuantizerConfig = { kind: 'product', quantizers: [{ ...vector, codebookSize: 2 }, vector] };
    const [whole, ...others] = await reportsOf(product, new Array<number>(8).fill(20));
    expect([others, whole!.usage, whole!.closest]).toEqual([[], 1, undefined]);
    const grouped: QuantizerConfig = { kind: 'grouped', groups: 2, quantizer: vector };
    const reports = await reportsOf(grouped, even, collapsed);
    expect(reports.map(({ usage }) => usage)).toEqual([1, 0.25]);
    expect(reports.every(({ closest }) => closest !== undefined)).toBe(true);
  });

  it('takes what an evaluation returns, and leaves no tensors behind', async () => {
    const model = tinyModel();
    const evaluator = new Evaluator(model);
    const evaluation = await evaluator.evaluate(tinyImages(4));
    await expectNoTensorLeak(async () => {
      const [report] = await codebookReports(model.quantizer, evaluation);
      expect(report!.deadCodes).toEqual(evaluation.codebook!.deadCodes);
      expect(report!.closest!.pairs.length).toBeGreaterThan(0);
    });
    evaluator.dispose();
    model.dispose();
  });

  it('refuses the evaluation of another quantizer, and what is none', async () => {
    const config: QuantizerConfig = { kind: 'residual', codeDepth: 2, quantizer: vector, codebooks: 'separate' };
    await expect(reportsOf(config, even)).rejects.toThrow(ConfigError);
    await expect(reportsOf(config, even)).rejects.toThrow(
      'codebookReports: expected the evaluation of a quantizer with 2 codes a token, got one of 1.',
    );
    await expect(codebookReports({ codeDepth: 1 }, {} as never)).rejects.toThrow(
      'expected the evaluation to have codebook, levels',
    );
  });
});
