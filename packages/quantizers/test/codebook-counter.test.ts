import { ConfigError, randomKey, randomUniform } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { CodebookCounter, paperCodebookUsage } from '../src/index.js';

/** Codes of images, N each, the frequent ones first. */
function codesOf(images: number, tokens: number, codebookSize: number): Int32Array {
  return Int32Array.from(randomUniform(randomKey(5), images * tokens), (u) => Math.floor(u ** 3 * codebookSize));
}

describe('CodebookCounter', () => {
  it('counts the same whatever the batches, with the usage of full groups of 256 images', () => {
    const [images, tokens, codebookSize] = [600, 3, 900];
    const codes = codesOf(images, tokens, codebookSize);
    const expected = paperCodebookUsage(
      [codes.subarray(0, 256 * tokens), codes.subarray(256 * tokens, 512 * tokens)],
      codebookSize,
    );
    for (const batch of [1, 7, 100, 256, 600]) {
      const counter = new CodebookCounter(codebookSize);
      for (let at = 0; at < images; at += batch) {
        const size = Math.min(batch, images - at);
        counter.add(codes.subarray(at * tokens, (at + size) * tokens), size);
      }
      expect(counter.images).toBe(images);
      expect(counter.tokens).toBe(images * tokens);
      expect(counter.paperUsage).toBeCloseTo(expected, 12);
      const counts = new Float64Array(codebookSize);
      for (const code of codes) counts[code]!++;
      expect(counter.counts).toEqual(counts);
    }
  });

  it('knows no usage of 256 images before there are 256', () => {
    const counter = new CodebookCounter(4);
    counter.add(new Int32Array(255), 255);
    expect(counter.paperUsage).toBeUndefined();
    counter.add([1], 1);
    expect(counter.paperUsage).toBe(0.5);
    counter.add([3, 3], 2);
    expect(counter.paperUsage).toBe(0.5);
  });

  it('refuses what cannot be, and counts nothing of it', () => {
    const counter = new CodebookCounter(4);
    expect(() => counter.add([0, 1, 2], 2)).toThrow(
      'CodebookCounter.add: expected as many indices for each of 2 images, got 3.',
    );
    expect(() => counter.add([], 1)).toThrow(ConfigError);
    expect(() => counter.add([0, 4], 1)).toThrow('CodebookCounter.add: expected indices in [0, 4), got 4.');
    expect(() => counter.add([0, -1], 1)).toThrow('got -1');
    expect(() => counter.add([0, 0.5], 2)).toThrow('got 0.5');
    expect(() => counter.add([0], 0)).toThrow('images to be an integer of at least 1, got 0');
    expect(counter.tokens).toBe(0);
    expect(Math.max(...counter.counts)).toBe(0);
    expect(() => new CodebookCounter(0)).toThrow('codebookSize to be an integer of at least 1, got 0');
  });
});
