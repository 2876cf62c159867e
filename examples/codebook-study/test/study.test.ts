import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bottleneck } from '@vitvq/core';
import { createTokenizer } from '@vitvq/tokenizer';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CODEBOOK_SIZE, KINDS, modelConfig, VARIANTS, type Variant } from '../src/config.js';
import { markdownTable } from '../src/markdown-table.js';
import { openResults, type Results } from '../src/results.js';
import { Study } from '../src/study.js';
import { differenceTable, endTable } from '../src/tables.js';
import type { Result } from '../src/train-variant.js';

const settings = { steps: 2, smoke: true };
const variantOf = (name: string): Variant => VARIANTS.find((variant) => variant.name === name)!;

/** A training that ends with these figures. */
const result = (deadCodes: number, perplexity: number, psnr: number): Result => ({
  seconds: 10,
  curve: [
    { step: 1, deadCodes: 512, perplexity: 1, psnr: 10 },
    { step: 2, deadCodes, perplexity, psnr },
  ],
});

/** Trainings from three seeds: 100, 110 and 120 dead codes, 40 fewer with a start from data. */
const madeUp: Results = {
  of: ({ treatment }, seed) =>
    treatment === 'data' ? result(60 + 10 * seed, 60, 20 + seed) : result(100 + 10 * seed, 50, 19 - seed),
  keep: () => Promise.reject(new Error('nothing is trained here')),
};
const study = new Study(madeUp, [0, 1, 2]);

describe('variants', () => {
  it('have as many codes as each other, whatever the kind', () => {
    const sizes = { imageSize: 32, patchSize: 4 } as const;
    for (const kind of KINDS) {
      const tokenizer = createTokenizer(modelConfig({ name: kind.name, kind, treatment: 'as is' }, sizes, false), {
        seed: 0,
      });
      const { codebook }: Bottleneck = tokenizer.quantizer;
      expect(tokenizer.vocabSize, kind.name).toBe(CODEBOOK_SIZE);
      // What a kind is said not to have, it does not have.
      expect(kind.treatments.includes('data'), kind.name).toBe(codebook !== undefined);
      tokenizer.dispose();
    }
    const reset = createTokenizer(modelConfig(variantOf('ema-resets'), sizes, true), { seed: 0 });
    const { codebook }: Bottleneck = reset.quantizer;
    expect(codebook?.reset).toBeDefined();
    reset.dispose();
  });
});

describe('a study', () => {
  it("has means over seeds with Student's intervals", () => {
    // Deviation 10; the quantile for 2 degrees of freedom is 4.303.
    const half = (4.303 * 10) / Math.sqrt(3);
    const end = study.end(variantOf('plain'), 'deadCodes');
    expect(end.mean).toBeCloseTo(110, 10);
    expect(end.low).toBeCloseTo(110 - half, 3);
    expect(end.high).toBeCloseTo(110 + half, 3);
    const curve = study.curve(variantOf('plain'), 'deadCodes');
    expect(curve[0]).toEqual({ step: 1, mean: 512, low: 512, high: 512 });
    expect(curve[1]).toEqual({ step: 2, ...end });
    expect(study.seconds).toBe(10 * 3 * VARIANTS.length);
  });

  it('compares trainings from the same seed', () => {
    const dead = study.difference(variantOf('plain-data'), variantOf('plain'), 'deadCodes');
    expect(dead).toEqual({ mean: -40, low: -40, high: -40 });
    const psnr = study.difference(variantOf('plain-data'), variantOf('plain'), 'psnr'); // 1, 3, 5
    expect(psnr.mean).toBeCloseTo(3, 10);
    expect(psnr.high).toBeCloseTo(3 + (4.303 * 2) / Math.sqrt(3), 3);
  });
});

describe('tables', () => {
  it('have every variant, and say what a kind does not have', () => {
    const { rows, columns } = endTable(study);
    expect(rows.every((row) => row.length === columns.length)).toBe(true);
    expect(rows[0]).toEqual(['plain', 'as is', '110 ± 25', '78.5 ± 4.9 %', '50 ± 0', '18.00 ± 2.48']);
    expect(rows.filter((row) => row.at(-1) !== '–')).toHaveLength(VARIANTS.length);
    expect(rows).toContainEqual(['SimVQ', 'resets, both: none, every step moves all codes', '–', '–', '–', '–']);
    expect(rows).toContainEqual([
      'FSQ',
      'start from data, resets, both: none, the codes are fixed',
      '–',
      '–',
      '–',
      '–',
    ]);
  });

  it('show which differences are clear', () => {
    const { rows } = differenceTable(study);
    expect(rows[0]).toEqual(['plain', 'start from data against as is', '**-40 ± 0**', '**+10 ± 0**', '+3.00 ± 4.97']);
    expect(rows.filter(([kind]) => kind === 'IBQ')).toHaveLength(1);
    expect(rows.filter(([kind]) => kind === 'FSQ')).toHaveLength(0);
  });

  it('are as wide as their widest cells', () => {
    const table = { columns: ['a', 'figure'], texts: 1, rows: [['longer', '1']] };
    expect(markdownTable(table)).toBe(['| a      | figure |', '| ------ | -----: |', '| longer |      1 |'].join('\n'));
  });
});

describe('results', () => {
  let out: string;
  beforeEach(async () => {
    out = await mkdtemp(join(tmpdir(), 'vitvq-codebook-study-'));
  });
  afterEach(async () => {
    await rm(out, { recursive: true, force: true });
  });

  it('are kept as each training ends', async () => {
    const variant = variantOf('ema-both');
    const kept = result(3, 400.25, 20.125);
    await (await openResults(out, settings)).keep(variant, 1, kept);
    const again = await openResults(out, settings);
    expect(again.of(variant, 1)).toEqual(kept);
    expect(again.of(variant, 0)).toBeUndefined();
    expect(again.of(variantOf('ema'), 1)).toBeUndefined();
    await again.keep(variant, 0, kept);
    expect((await openResults(out, settings)).of(variant, 0)).toEqual(kept);
    await expect(openResults(out, { ...settings, steps: 3 })).rejects.toThrow('"steps":2');
    expect(await readFile(join(out, 'results.json'), 'utf8')).toContain('ema-both');
  });
});
