import { describe, expect, it } from 'vitest';
import { drawToken, filterLogits, guide } from '../page/sampling.js';

const logits = Float32Array.of(Math.log(1), Math.log(4), Math.log(2), Math.log(1));

describe('filterLogits', () => {
  it('is a softmax where nothing is filtered', () => {
    expectClose(filterLogits(logits, { temperature: 1, topK: 4 }), [1 / 8, 4 / 8, 2 / 8, 1 / 8]);
  });

  it('makes the likely likelier at low temperatures', () => {
    expectClose(filterLogits(logits, { temperature: 0.5, topK: 4 }), [1 / 22, 16 / 22, 4 / 22, 1 / 22]);
  });

  it('keeps the k most likely, and those as likely as the k-th', () => {
    expectClose(filterLogits(logits, { temperature: 1, topK: 2 }), [0, 4 / 6, 2 / 6, 0]);
    expectClose(filterLogits(logits, { temperature: 1, topK: 3 }), [1 / 8, 4 / 8, 2 / 8, 1 / 8]);
  });

  it('survives large logits and tiny temperatures', () => {
    expectClose(filterLogits(Float32Array.of(900, 1000), { temperature: 0.05, topK: 2 }), [0, 1]);
  });
});

describe('guide', () => {
  it('goes from the unconditional logits through the conditional ones, and beyond', () => {
    const [conditional, unconditional] = [Float32Array.of(2, 0), Float32Array.of(1, 1)];
    expectClose(guide(conditional, unconditional, 1), [2, 0]);
    expectClose(guide(conditional, unconditional, 0), [1, 1]);
    expectClose(guide(conditional, unconditional, 3), [4, -2]);
  });
});

describe('drawToken', () => {
  const probabilities = Float32Array.of(0, 0.25, 0, 0.75, 0);

  it('inverts the cumulative probabilities', () => {
    expect([0, 0.24, 0.25, 0.99].map((uniform) => drawToken(probabilities, uniform))).toEqual([1, 1, 3, 3]);
  });

  it('never draws what has no probability, whatever rounding does', () => {
    expect(drawToken(Float32Array.of(0.1, 0.2, 0.7, 0), 1 - 2 ** -24)).toBe(2);
    expect(drawToken(Float32Array.of(0, 1), 0)).toBe(1);
  });
});

function expectClose(actual: Float32Array, expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) expect(actual[index]).toBeCloseTo(value, 5);
}
