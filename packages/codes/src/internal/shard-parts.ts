import { ConfigError, concatenate, type ImageBatch, type Tokenizer } from '@vitvq/core';
import type { AnyConditioner } from '@vitvq/transformers';
import type { SeekableBatches } from './seekable-batches.js';
import type { ShardConfiguration, LoadedShard, ShardPlace, ShardRows } from './shard.js';

/** What the shards of a folder are made of. */
export interface ShardIngredients {
  readonly tokenizer: Tokenizer;
  /** Codes a token. */
  readonly codeDepth: number;
  readonly views: number;
  /** The first batch of all. */
  readonly first: ImageBatch;
  /** Batches, of which one has been read. */
  readonly batches: SeekableBatches;
  readonly batchesPerShard: number;
  readonly conditioner: AnyConditioner | undefined;
}

/** Returns what every shard of a folder says of itself. */
export function configurationOf(ingredients: ShardIngredients): ShardConfiguration {
  const { tokenizer, codeDepth, views, first, batches, batchesPerShard, conditioner } = ingredients;
  return {
    vocabSize: tokenizer.vocabSize,
    grid: [...tokenizer.grid],
    codeDepth,
    views,
    batchSize: first.shape[0]!,
    batchesPerView: batches.perEpoch,
    batchesPerShard,
    conditioner: conditioner ? keptOf(conditioner) : null,
    source: batches.fingerprint ?? null,
  };
}

/** Returns what shards say of a conditioner. */
function keptOf(conditioner: AnyConditioner): NonNullable<ShardConfiguration['conditioner']> {
  const description = { ...conditioner.description };
  if (!('embed' in conditioner)) {
    return { length: conditioner.length, vocabSize: conditioner.vocabSize, description };
  }
  return { size: conditioner.nullInput.length, description };
}

/** Returns the number of the first batch of a shard, and of the first one after it. */
export function positionsOf(
  { view, index }: ShardPlace,
  { batchesPerView, batchesPerShard }: ShardConfiguration,
): { begin: number; end: number } {
  const begin = view * batchesPerView + index * batchesPerShard;
  return { begin, end: Math.min(begin + batchesPerShard, (view + 1) * batchesPerView) };
}

/**
 * Compares the beginning of a shard with what the images give now.
 * @throws {ConfigError} unless a shard begins with these rows
 */
export function assertSameCodes({ file, rows }: LoadedShard, first: ShardRows): void {
  const names = ['tokens', 'indices', 'labels', 'conditions'] as const;
  const differing = names.filter((name) => first[name]?.some((value, index) => value !== rows[name]?.[index]));
  if (differing.length === 0) return;
  throw new ConfigError({
    where: file,
    expected: 'shards of the same tokenizer and the same images',
    got: `other ${differing.join(', ')}`,
    fix: 'Go on with the tokenizer, the images and the augmentation that the folder was begun with, or choose another folder.',
  });
}

/** Returns the rows of parts as those of one. */
export function joined(parts: readonly ShardRows[]): ShardRows {
  const of = <T extends Int32Array | Float32Array>(
    values: (part: ShardRows) => T | undefined,
    create: new (length: number) => T,
  ): T | undefined => {
    const all = parts.flatMap((part) => values(part) ?? []);
    return all.length === parts.length ? concatenate(all, create) : undefined;
  };
  const isEmbedded = parts[0]?.conditions instanceof Float32Array;
  return {
    tokens: of(({ tokens }) => tokens, Int32Array)!,
    indices: of(({ indices }) => indices, Int32Array)!,
    labels: of(({ labels }) => labels, Int32Array),
    conditions: isEmbedded
      ? of(({ conditions }) => conditions as Float32Array, Float32Array)
      : of(({ conditions }) => conditions as Int32Array | undefined, Int32Array),
  };
}
