import { assertInteger, ConfigError } from '@vitvq/core';

/** Depth and width of a convolutional encoder or decoder. */
export interface CNNShape {
  /** Channels at the full resolution, before any multiplier. */
  readonly baseChannels: number;
  /**
   * Channels at each resolution in units of `baseChannels`, from the full resolution down; each
   * resolution is half the one before.
   */
  readonly channelMultipliers: readonly number[];
  /** Number of residual blocks at each resolution. */
  readonly blocksPerResolution: number;
  /**
   * Indices into `channelMultipliers` of the resolutions with attention after each block; 0 is the
   * full resolution. @default none
   */
  readonly attentionResolutions?: readonly number[];
}

/** Parts of an encoder or decoder at one resolution. */
export interface ResolutionPlan {
  /** Index into `channelMultipliers`; 0 is the full resolution. */
  readonly index: number;
  readonly blocks: readonly { readonly inChannels: number; readonly outChannels: number }[];
  readonly outChannels: number;
  readonly hasAttention: boolean;
  /** Whether the result is halved (encoder) or doubled (decoder). */
  readonly resamples: boolean;
}

/**
 * Returns the resolutions in the order in which they are computed, and the channels at the
 * smallest.
 * @throws {ConfigError}
 */
export function planResolutions(
  { baseChannels, channelMultipliers, blocksPerResolution, attentionResolutions = [] }: CNNShape,
  side: 'encoder' | 'decoder',
  where: string,
): { readonly resolutions: readonly ResolutionPlan[]; readonly innerChannels: number } {
  assertInteger(baseChannels, 'baseChannels', where);
  assertInteger(channelMultipliers.length, 'the number of channelMultipliers', where);
  channelMultipliers.forEach((multiplier) => assertInteger(multiplier, 'channelMultipliers', where));
  assertInteger(blocksPerResolution, 'blocksPerResolution', where);
  const last = channelMultipliers.length - 1;
  for (const index of attentionResolutions) {
    if (!Number.isInteger(index) || index < 0 || index > last) {
      throw new ConfigError({ where, expected: `attentionResolutions within 0 to ${last}`, got: String(index) });
    }
  }
  const widths = channelMultipliers.map((multiplier) => baseChannels * multiplier);
  const innerChannels = widths[last]!;
  const order = widths.map((_, index) => (side === 'encoder' ? index : last - index));
  let channels = side === 'encoder' ? baseChannels : innerChannels;
  const resolutions = order.map((index): ResolutionPlan => {
    const outChannels = widths[index]!;
    const blocks = Array.from({ length: blocksPerResolution }, (_, block) => ({
      inChannels: block === 0 ? channels : outChannels,
      outChannels,
    }));
    channels = outChannels;
    const resamples = index !== (side === 'encoder' ? last : 0);
    return { index, blocks, outChannels, hasAttention: attentionResolutions.includes(index), resamples };
  });
  return { resolutions, innerChannels };
}
