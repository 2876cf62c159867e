import { assertInteger, ConfigError } from '@vitvq/core';

/** How deep and how wide a convolutional encoder or decoder is. */
export interface CNNShape {
  /** Channels at the full resolution, before any multiplier. */
  readonly baseChannels: number;
  /** Channels of each level in units of `baseChannels`, from the full resolution on; each level has half the size of the last. */
  readonly channelMultipliers: readonly number[];
  /** Residual blocks of a level. */
  readonly blocksPerLevel: number;
  /** Levels with attention after each of their blocks, 0 being the full resolution. @default none */
  readonly attentionLevels?: readonly number[];
}

export interface LevelPlan {
  /** 0 is the full resolution. */
  readonly level: number;
  readonly blocks: readonly { readonly inChannels: number; readonly outChannels: number }[];
  readonly outChannels: number;
  readonly hasAttention: boolean;
  /** Whether its result is halved (encoder) or doubled (decoder). */
  readonly resamples: boolean;
}

/**
 * The levels in the order in which they are computed, and the channels at the smallest resolution.
 * @throws {ConfigError}
 */
export function planLevels(
  { baseChannels, channelMultipliers, blocksPerLevel, attentionLevels = [] }: CNNShape,
  side: 'encoder' | 'decoder',
  where: string,
): { readonly levels: readonly LevelPlan[]; readonly innerChannels: number } {
  assertInteger(baseChannels, 'baseChannels', where);
  assertInteger(channelMultipliers.length, 'the number of channelMultipliers', where);
  channelMultipliers.forEach((multiplier) => assertInteger(multiplier, 'channelMultipliers', where));
  assertInteger(blocksPerLevel, 'blocksPerLevel', where);
  const last = channelMultipliers.length - 1;
  for (const level of attentionLevels) {
    if (!Number.isInteger(level) || level < 0 || level > last) {
      throw new ConfigError({ where, expected: `attentionLevels within 0 to ${last}`, got: String(level) });
    }
  }
  const widths = channelMultipliers.map((multiplier) => baseChannels * multiplier);
  const innerChannels = widths[last]!;
  const order = widths.map((_, level) => (side === 'encoder' ? level : last - level));
  let channels = side === 'encoder' ? baseChannels : innerChannels;
  const levels = order.map((level): LevelPlan => {
    const outChannels = widths[level]!;
    const blocks = Array.from({ length: blocksPerLevel }, (_, index) => ({
      inChannels: index === 0 ? channels : outChannels,
      outChannels,
    }));
    channels = outChannels;
    const resamples = level !== (side === 'encoder' ? last : 0);
    return { level, blocks, outChannels, hasAttention: attentionLevels.includes(level), resamples };
  });
  return { levels, innerChannels };
}
