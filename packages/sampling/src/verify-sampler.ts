import * as tf from '@tensorflow/tfjs-core';
import {
  assertInteger,
  checkOptions,
  foldIn,
  randomInts,
  randomKey,
  randomNormal,
  type OptionTable,
} from '@vitvq/core';
import { compile } from '@vitvq/engine';
import type { AutoregressiveModel, Conditions, ImageTokens } from '@vitvq/transformers';
import type { SamplerOptions } from './sample-options.js';
import { Sampler } from './sampler.js';

/** Options of {@link verifySampler}. */
export interface VerifyOptions {
  /** @default as many as conditions, or 2 */
  readonly images?: number;
  /** Of conditions, tokens and noise. @default 0 */
  readonly seed?: number;
  /** Conditions of the images. @default drawn at random */
  readonly conditions?: Conditions;
  /** Of the sampler that is verified. */
  readonly sampler?: SamplerOptions;
  /**
   * Positions that are computed again by a full pass that does not know what follows.
   * @default 16, evenly spread
   */
  readonly positions?: number;
  /** Largest difference that passes, relative to the largest logit. @default 1e-4 */
  readonly tolerance?: number;
}

const verifyOptionNames: OptionTable<VerifyOptions> = {
  images: 'optional',
  seed: 'optional',
  conditions: 'optional',
  sampler: 'optional',
  positions: 'optional',
  tolerance: 'optional',
};

/** Differences that {@link verifySampler} found. */
export interface SamplerReport {
  readonly passed: boolean;
  /**
   * Largest difference between the logits of cached sampling and those of one pass over the sampled
   * tokens.
   */
  readonly cached: number;
  /**
   * Largest difference between full passes over the tokens so far, with others in the place of what
   * follows, and that pass.
   */
  readonly full: number;
  readonly largestLogit: number;
  /** Largest difference that passes. */
  readonly allowed: number;
  /** How many logits were compared. */
  readonly compared: { readonly cached: number; readonly full: number };
}

/**
 * Samples with the cache and compares the logits that tokens were drawn from with those of the full
 * forward pass: once over the sampled tokens (teacher-forced), and once at several positions with
 * everything that follows replaced by other tokens, which proves that no position sees ahead. All
 * three must agree up to rounding, for any weights, trained or not.
 */
export async function verifySampler(model: AutoregressiveModel, options: VerifyOptions = {}): Promise<SamplerReport> {
  checkOptions(options, verifyOptionNames, 'verifySampler');
  const { images = options.conditions?.shape[0] ?? 2, seed = 0, positions = 16, tolerance = 1e-4 } = options;
  assertInteger(images, 'images', 'verifySampler');
  assertInteger(positions, 'positions', 'verifySampler');
  const key = foldIn(randomKey(seed), 0);
  const conditions = options.conditions ? tf.clone(options.conditions) : drawConditions(model, images, seed);
  const sampler = new Sampler(model, options.sampler);
  const forward = compile((given: Conditions, tokens: ImageTokens) => model.logits(given, tokens), {
    name: 'full forward pass',
  });
  const read = async (tokens: ImageTokens): Promise<Float32Array> => {
    const logits = await forward(conditions, tokens);
    const values = (await logits.data()) as Float32Array;
    logits.dispose();
    return values;
  };
  let sampled: { tokens: ImageTokens; logits: tf.Tensor } | undefined;
  try {
    const seeds = Array.from({ length: images }, (_, index) => seed + index);
    sampled = await sampler.sampleWithLogits({ conditions, seeds });
    const { tokens, logits } = sampled;
    const teacherForced = await read(tokens);
    const cached = (await logits.data()) as Float32Array;
    const largestLogit = teacherForced.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);

    const total = model.grid[0] * model.grid[1];
    const row = model.codeDepth * model.vocabSize;
    const checked = Math.min(positions, total);
    const original = await tokens.data();
    let full = 0;
    for (let index = 0; index < checked; index++) {
      const position = checked === 1 ? total - 1 : Math.round((index * (total - 1)) / (checked - 1));
      // The position's own levels see each other: what comes after it is replaced.
      const others = randomInts(foldIn(key, position), original.length, model.vocabSize);
      const changed = original.map((token, at) =>
        Math.floor(at / model.codeDepth) % total > position ? others[at]! : token,
      );
      const tensor: tf.Tensor = tf.tensor(changed, tokens.shape, 'int32');
      const values = await read(tensor as ImageTokens);
      tensor.dispose();
      for (let image = 0; image < images; image++) {
        const start = (image * total + position) * row;
        const slice = (from: Float32Array): Float32Array => from.subarray(start, start + row);
        full = Math.max(full, largestDifference(slice(values), slice(teacherForced)));
      }
    }
    const report = {
      cached: largestDifference(cached, teacherForced),
      full,
      largestLogit,
      allowed: tolerance * Math.max(largestLogit, Number.MIN_VALUE),
      compared: { cached: cached.length, full: checked * images * row },
    };
    return { ...report, passed: report.cached <= report.allowed && report.full <= report.allowed };
  } finally {
    tf.dispose([conditions, ...(sampled ? [sampled.tokens, sampled.logits] : [])]);
    sampler.dispose();
    forward.dispose();
  }
}

function drawConditions(model: AutoregressiveModel, images: number, seed: number): Conditions {
  const { conditionLength, conditionVocabSize, dim } = model;
  const key = foldIn(randomKey(seed), 1);
  if (conditionVocabSize === undefined) {
    const values = randomNormal(key, images * conditionLength * dim);
    return tf.tensor3d(values, [images, conditionLength, dim]);
  }
  const tokens = randomInts(key, images * conditionLength, conditionVocabSize);
  return tf.tensor2d(tokens, [images, conditionLength], 'int32');
}

/** Infinity where a value is not a number, so that it never passes. */
function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, index) => {
    const difference = Math.abs(value - b[index]!);
    return Math.max(largest, Number.isNaN(difference) ? Infinity : difference);
  }, 0);
}
