import { type OptionTable } from '@vitvq/core';
import type { Precision } from '@vitvq/engine';
import type { Conditions, ImageTokens } from '@vitvq/transformers';
import type { FilterOptions } from './filters.js';

/** A number, or a function of the progress of an image: 0 at its first token, 1 at its last. */
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
   * Conditions that mean none, in the shape of the conditions: the token that replaces dropped
   * conditions in training.
   */
  readonly unconditional: Conditions;
}

export type SampleOptions = Omit<FilterOptions, 'temperature'> & {
  /** int32 `[B, C]` or embeddings `[B, C, D]`, a row for each image. The caller keeps them. */
  readonly conditions: Conditions;
  /**
   * A seed for each image, integers in [0, 2^53). An image depends on its own seed and condition,
   * not on the rest of its batch.
   */
  readonly seeds: readonly number[];
  /** Above 0. @default 1 */
  readonly temperature?: SamplingSchedule;
  /** @default none */
  readonly guidance?: Guidance;
  /**
   * Known tokens, int32 `[B, N]` (`[B, N, L]`), with -1 where a token is drawn. Positions at the
   * start that are known in all images are read by the prefill (completion). Other known tokens
   * are set at their position; tokens drawn before it do not depend on them (in-painting, as far as
   * raster order allows).
   */
  readonly given?: ImageTokens;
};

/** Images that are partly drawn. */
export interface PartialTokens {
  /** Positions that are known, given ones included. */
  readonly count: number;
  /** `[B, N]` or `[B, N, L]`. */
  readonly shape: readonly number[];
  /** Tokens, -1 from position `count` on. */
  readonly tokens: Int32Array;
}

/** Options of a {@link Sampler}. */
export interface SamplerOptions {
  /**
   * Numbers of slots (conditions and tokens) that attention is compiled for. A step runs with the
   * smallest one that holds all known positions. Each is a program with a copy of the weights; the
   * whole sequence is always among them.
   * @default a half and all of the slots, from 128 slots on; else all of them
   */
  readonly lengths?: readonly number[];
  /**
   * `frozen`: weights are constants of the programs, which is faster; `live`: they are shared,
   * which for large models saves much memory. @default 'frozen'
   */
  readonly weights?: 'frozen' | 'live';
  /**
   * Type in which matrix products are computed; the softmax and the drawing stay float32. An engine
   * that does not have it says so at the first request. @default 'float32'
   */
  readonly precision?: Precision;
}

/** Names of the options {@link SamplerOptions}. */
export const samplerOptionNames: OptionTable<SamplerOptions> = {
  lengths: 'optional',
  weights: 'optional',
  precision: 'optional',
};
