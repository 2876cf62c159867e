import { ConfigError } from '@vitvq/core';

/**
 * Returns the number of examples in each of `parts` equal parts of a batch.
 * @throws {ConfigError} when the batch cannot be divided
 */
export function microBatchSize(examples: number, parts: number, where: string): number {
  if (examples % parts === 0) return examples / parts;
  throw new ConfigError({
    where: `${where} config.accumulate`,
    expected: `batches that can be divided into ${parts} equal parts`,
    got: `${examples} examples`,
    fix: `Take a batch size of ${parts * Math.max(1, Math.round(examples / parts))}, or another number of parts.`,
  });
}
