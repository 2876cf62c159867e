import type { OptionTable, RandomKey } from '@vitvq/core';

/** Options of a normalisation with trained scales and shifts, one each a channel. */
export interface NormalizationOptions {
  /** Channels of the feature maps. */
  readonly features: number;
  readonly key: RandomKey;
}

/** Names of the options {@link NormalizationOptions}. */
export const normalizationOptionNames: OptionTable<NormalizationOptions> = { features: 'required', key: 'required' };

/** Options of one forward pass of a normalisation. */
export interface NormalizeOptions {
  /**
   * Whether the forward pass is one of training: `BatchNorm` then takes the statistics of the
   * batch, and the first batch sets the scales of an `ActNorm`.
   */
  readonly training: boolean;
}
