import { type OptionTable } from '@vitvq/core';
import type { Conditions, ImageTokens } from '@vitvq/transformers';
import type { FilterOptions } from './filters.js';

/** A number, or a function of how far an image is: 0 at its first token, 1 at its last. */
export type SamplingSchedule = number | ((progress: number) => number);

/**
 * Classifier-free guidance (Ho and Salimans 2022): logits become u + scale (c - u), with c given
 * the image's condition and u given the one that stands for no condition. Costs as much as twice
 * the batch.
 */
export interface Guidance {
  /** 1 is no guidance; above 1, images follow their condition more closely. */
  readonly scale: SamplingSchedule;
  /**
   * What stands for no condition, in the shape of the conditions: the token that conditions were
   * dropped for in training.
   */
  readonly unconditional: Conditions;
}

export type SampleOptions = Omit<FilterOptions, 'temperature'> & {
  /** int32 `[B, C]` or embeddings `[B, C, D]`: one row an image. Not consumed. */
  readonly conditions: Conditions;
  /**
   * One an image, integers in [0, 2^53). An image depends on its own seed and condition, not on its
   * batch mates.
   */
  readonly seeds: readonly number[];
  /** Above 0. @default 1 */
  readonly temperature?: SamplingSchedule;
  /** @default none */
  readonly guidance?: Guidance;
  /**
   * Known tokens, int32 `[B, N]` (`[B, N, L]`), with -1 where a token is to be drawn. Those at the
   * start of all images are read in one forward pass (completion). Others are set when their turn
   * comes, so that tokens drawn before them do not depend on them (in-painting, as far as raster
   * order allows).
   */
  readonly given?: ImageTokens;
};

/** An image in the making. */
export interface PartialTokens {
  /** Positions that are known, given ones included. */
  readonly count: number;
  /** `[B, N]` or `[B, N, L]`. */
  readonly shape: readonly number[];
  /** -1 from position `count` on. */
  readonly tokens: Int32Array;
}

/** Options of a {@link Sampler}. */
export interface SamplerOptions {
  /**
   * Attention runs over the smallest of these numbers of slots (conditions and tokens) that holds
   * what is there. Each is a compiled program with a copy of the weights; the whole sequence is
   * always among them.
   * @default a half and all of the slots, from 128 slots on; else all of them
   */
  readonly lengths?: readonly number[];
  /**
   * `frozen`: weights are constants of the programs, which is faster; `live`: they are shared,
   * which for large models saves much memory. @default 'frozen'
   */
  readonly weights?: 'frozen' | 'live';
}

/** Names of the options {@link SamplerOptions}. */
export const samplerOptionNames: OptionTable<SamplerOptions> = {
  lengths: 'optional',
  weights: 'optional',
};
