import { type OptionTable } from '@vitvq/core';
import type { Precision } from '@vitvq/engine';
import type { AnyTokenModel, Conditions, ImageTokens } from '@vitvq/transformers';
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
   * Known tokens, int32 `[B, N]` (`[B, N, L]`), with -1 where a token is drawn. Masked and
   * any-order models draw all other tokens given them. Models of raster order read positions at the
   * start that are known in all images in the prefill (completion). They set other known tokens at
   * their position; tokens drawn before it do not depend on them.
   */
  readonly given?: ImageTokens;
  /**
   * How many tokens become known in a step, and which; models of raster order have no choice.
   * @default that of the model's sampler
   */
  readonly decoding?: Decoding;
};

/** Decoding of masked models (MaskGIT, arXiv:2202.04200, section 3.2). */
export interface MaskedDecoding {
  /**
   * Number of steps. After the fraction t of them, the fraction cos(pi/2 t) of the tokens is still
   * unknown; every step makes at least one known. @default 12
   */
  readonly steps?: number;
  /**
   * Which drawn tokens a step keeps: `confidence`, the likeliest; `random`; `halton`, those that
   * come first in `haltonOrder`, spread evenly over the image (arXiv:2503.17076).
   * @default 'confidence'
   */
  readonly choice?: 'confidence' | 'random' | 'halton';
  /**
   * With `confidence`: the noise in the choice. Gumbel noise of this scale, which falls linearly to
   * 0 with the steps, is added to the logarithm of a token's probability. @default 4.5
   */
  readonly choiceTemperature?: number;
}

/** Decoding of any-order models. */
export interface AnyOrderDecoding {
  /** Number of tokens that are drawn in a step, each without the others. @default 1 */
  readonly tokensPerStep?: number;
  /**
   * Order of the positions: drawn for each image from its seed, `haltonOrder`, or raster.
   * @default 'random'
   */
  readonly order?: 'random' | 'halton' | 'raster';
}

/** Decoding of models that are not bound to raster order. */
export type Decoding = MaskedDecoding | AnyOrderDecoding;

/** Draws the tokens of images. */
export interface TokenSampler {
  readonly model: AnyTokenModel;
  /**
   * Draws whole images.
   * @returns int32 `[B, N]` (`[B, N, L]`), the caller's to dispose of
   * @throws {ConfigError} for options that cannot work
   * @throws {ShapeError} for conditions or given tokens of another shape
   * @throws {DataError} for conditions or given tokens out of range, and when logits are NaN
   */
  sample(options: SampleOptions): Promise<ImageTokens>;
  /**
   * Draws step by step: yields what is known after each. Leaving the loop early frees the tensors.
   */
  stream(options: SampleOptions): AsyncGenerator<PartialTokens, void, undefined>;
  /** Frees compiled programs; the sampler can be used again. */
  dispose(): void;
}

/** Images that are partly drawn. */
export interface PartialTokens {
  /**
   * Positions that are known, given ones included; where images differ, those of the image with the
   * fewest.
   */
  readonly count: number;
  /** `[B, N]` or `[B, N, L]`. */
  readonly shape: readonly number[];
  /** Tokens, -1 where they are not known. */
  readonly tokens: Int32Array;
}

/** Options of the samplers of masked and any-order models. */
export interface OrderFreeSamplerOptions {
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

/** Names of the options {@link OrderFreeSamplerOptions}. */
export const orderFreeSamplerOptionNames: OptionTable<OrderFreeSamplerOptions> = {
  weights: 'optional',
  precision: 'optional',
};

/** Options of a {@link Sampler}. */
export interface SamplerOptions extends OrderFreeSamplerOptions {
  /**
   * Numbers of slots (conditions and tokens) that attention is compiled for. A step runs with the
   * smallest one that holds all known positions. Each is a program with a copy of the weights; the
   * whole sequence is always among them.
   * @default a half and all of the slots, from 128 slots on; else all of them
   */
  readonly lengths?: readonly number[];
}

/** Names of the options {@link SamplerOptions}. */
export const samplerOptionNames: OptionTable<SamplerOptions> = {
  ...orderFreeSamplerOptionNames,
  lengths: 'optional',
};
