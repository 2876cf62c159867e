import { ConfigError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { codebookStatistics, paperCodebookUsage } from '../src/index.js';

describe('codebookStatistics', () => {
  it('knows a codebook of equally frequent codes', () => {
    const { usage, perplexity, deadCodes, entropyBits } = codebookStatistics([5, 5, 0, 5, 5, 0, 0, 0]);
    expect(usage).toBe(0.5);
    expect(entropyBits).toBeCloseTo(2, 12);
    expect(perplexity).toBeCloseTo(4, 12);
    expect(deadCodes).toEqual([2, 5, 6, 7]);
  });

  it('weighs frequent codes more', () => {
    const { entropyBits, perplexity } = codebookStatistics(Int32Array.from([2, 1, 1]));
    expect(entropyBits).toBeCloseTo(1.5, 12);
    expect(perplexity).toBeCloseTo(2 ** 1.5, 12);
  });

  it('answers for a codebook that was never used', () => {
    expect(codebookStatistics(new Float32Array(3))).toEqual({
      usage: 0,
      perplexity: 0,
      deadCodes: [0, 1, 2],
      entropyBits: 0,
    });
  });

  it('refuses what is no count', () => {
    expect(() => codebookStatistics([])).toThrow('codebookStatistics: expected one count a code, got no counts.');
    expect(() => codebookStatistics([1, -2])).toThrow(ConfigError);
    expect(() => codebookStatistics([1, NaN])).toThrow('expected counts of at least 0, got NaN for code 1.');
  });
});

describe('paperCodebookUsage', () => {
  it('averages the share of used codes over batches', () => {
    const batches = [Int32Array.from([0, 0, 1, 1]), Int32Array.from([0, 1, 2, 3])];
    expect(paperCodebookUsage(batches, 8)).toBe((2 / 8 + 4 / 8) / 2);
    expect(paperCodebookUsage(batches.values(), 8)).toBe(0.375);
  });

  it('refuses indices outside the codebook and nothing at all', () => {
    expect(() => paperCodebookUsage([[0, 8]], 8)).toThrow('paperCodebookUsage: expected indices in [0, 8), got 8.');
    expect(() => paperCodebookUsage([], 8)).toThrow('paperCodebookUsage: expected at least one batch, got none.');
  });
});
