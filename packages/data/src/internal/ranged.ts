import { ConfigError } from '@vitvq/core';
import type { CommonConfig, OpenedSource } from '../kinds/source-kind.js';
import { subset } from '../subset.js';

/**
 * Takes the images that `range` and `limit` of a config ask for.
 * @throws {ConfigError} for a range behind the last image
 */
export function ranged(opened: OpenedSource, { range, limit = Infinity }: CommonConfig): OpenedSource {
  const { name, length } = opened.dataset;
  const [begin, end] = range ?? [0, length];
  if (begin >= length) {
    throw new ConfigError({
      where: 'openDataSource',
      expected: `range to begin before the end of ${name}, which has ${length} images`,
      got: String(begin),
    });
  }
  const count = Math.min(end - begin, length - begin, limit);
  if (count === length) return opened;
  return picked(
    opened,
    Array.from({ length: count }, (_, index) => begin + index),
  );
}

/** Takes some images, and their condition images where there are such. */
export function picked({ dataset, conditions, skipped }: OpenedSource, positions: readonly number[]): OpenedSource {
  return {
    dataset: subset(dataset, positions),
    ...(conditions && { conditions: subset(conditions, positions) }),
    skipped,
  };
}
