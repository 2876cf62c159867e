import { assertInRange, assertInteger, ConfigError, type OptionTable, type RandomKey } from '@vitvq/core';
import { assertPositive } from './assert-positive.js';
import type { CodeGradient } from './code-gradient.js';

/** Options of the quantizers that choose the nearest of learned codes. */
export interface NearestCodeOptions {
  /** Number of codes, K. */
  readonly codebookSize: number;
  /** Width of a code, E; the paper uses 32, and 8 to 32 serve as well (Table 4). */
  readonly codeDim: number;
  /** Weight of the commitment term. @default 0.25 */
  readonly beta?: number;
  /**
   * Whether features and codes are l2-normalised before they are compared and returned.
   * @default true
   */
  readonly normalize?: boolean;
  /** Draws the first codebook, N(0, 1). */
  readonly key: RandomKey;
  /**
   * Whether training counts how often each code is chosen, which `codebook.reset` needs.
   * @default false
   */
  readonly trackUsage?: boolean;
  /**
   * How `quantized` passes its gradient to `z`: `straight-through`, unchanged; `rotation`, turned
   * and scaled as the vector itself was when it became its code (rotation trick, arXiv:2410.06424),
   * which keeps the angle between gradient and code.
   * @default 'straight-through'
   */
  readonly gradient?: CodeGradient;
  /**
   * Temperature at which training draws codes in proportion to softmax(-distance² / temperature),
   * as RQ-VAE (arXiv:2203.01941, section 3.2) does for its transformer; greater than 0. A training
   * may change it. In evaluation, without noise, the nearest code is chosen.
   * @default the nearest code is chosen in training too
   */
  readonly sampleTemperature?: number;
  /**
   * Weight of the diversity term, ln K - H[mean q(z)] over the B·N tokens, in nats, with q(z) =
   * softmax(-distance² / diversityTemperature): it draws features to codes that few are near.
   * @default 0
   */
  readonly diversityWeight?: number;
  /**
   * Temperature of the probabilities in the diversity term; greater than 0.
   * @default 0.02, with unit codes the one of vector-quantize-pytorch
   */
  readonly diversityTemperature?: number;
}

/** Names of the options {@link NearestCodeOptions}. */
export const nearestCodeOptionNames: OptionTable<NearestCodeOptions> = {
  codebookSize: 'required',
  codeDim: 'required',
  beta: 'optional',
  normalize: 'optional',
  key: 'required',
  trackUsage: 'optional',
  gradient: 'optional',
  sampleTemperature: 'optional',
  diversityWeight: 'optional',
  diversityTemperature: 'optional',
};

/** Fills in defaults. @throws {ConfigError} for options out of range or without an effect */
export function resolveNearestCodeOptions(options: NearestCodeOptions, where: string) {
  const {
    codebookSize,
    codeDim,
    beta = 0.25,
    normalize = true,
    key,
    trackUsage = false,
    gradient = 'straight-through',
    sampleTemperature,
    diversityWeight = 0,
    diversityTemperature = 0.02,
  } = options;
  assertInteger(codebookSize, 'codebookSize', where);
  assertInteger(codeDim, 'codeDim', where);
  assertInRange(beta, 'beta', where, 0);
  if (sampleTemperature !== undefined) assertPositive(sampleTemperature, 'sampleTemperature', where);
  assertInRange(diversityWeight, 'diversityWeight', where, 0);
  assertPositive(diversityTemperature, 'diversityTemperature', where);
  if (diversityWeight === 0 && options.diversityTemperature !== undefined) {
    throw new ConfigError({
      where,
      expected: 'diversityTemperature with a diversityWeight above 0',
      got: `a weight of ${diversityWeight}`,
      fix: 'Set diversityWeight, or leave diversityTemperature out.',
    });
  }
  return {
    codebookSize,
    codeDim,
    beta,
    normalize,
    key,
    trackUsage,
    gradient,
    sampleTemperature,
    diversityWeight,
    diversityTemperature,
  };
}
