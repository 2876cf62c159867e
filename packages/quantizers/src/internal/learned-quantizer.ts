import type { Codebook, Quantizer } from '@vitvq/core';

/** Quantizer that learns its codes. */
export type LearnedQuantizer = Quantizer & { readonly codebook: Codebook };

/** Returns whether a quantizer learns its codes. */
export function isLearned(quantizer: Quantizer): quantizer is LearnedQuantizer {
  return quantizer.codebook !== undefined;
}
