import { createHash } from 'node:crypto';
import { z } from 'zod';
import { openSafetensors, readSafetensors, writeSafetensors } from '@vitvq/checkpoint';
import { ConfigError, DataError, formatShape, assertTokensInRange, tokensShapeOf, type HostTensor } from '@vitvq/core';

const format = 'vitvq-codes/1';

/** Schema of what all shards of a folder share. */
export const configurationSchema = z.strictObject({
  vocabSize: z.int().min(1),
  grid: z.tuple([z.int().min(1), z.int().min(1)]),
  codeDepth: z.int().min(1),
  views: z.int().min(1),
  batchSize: z.int().min(1),
  batchesPerView: z.int().min(1),
  batchesPerShard: z.int().min(1),
  /** What the conditioner said of itself; null: no conditions are kept. */
  conditioner: z
    .union([
      // Condition tokens.
      z.strictObject({
        length: z.int().min(1),
        vocabSize: z.int().min(1),
        description: z.record(z.string(), z.unknown()),
      }),
      // Numbers that it embeds: so many an image.
      z.strictObject({ size: z.int().min(1), description: z.record(z.string(), z.unknown()) }),
    ])
    .nullable(),
  /** Fingerprint of the images. */
  source: z.string().nullable(),
});

/** What all shards of a folder share. */
export type ShardConfiguration = Readonly<z.output<typeof configurationSchema>>;

/** Place of a shard among all shards. */
export interface ShardPlace {
  readonly view: number;
  /** Of the shard, within its view. */
  readonly index: number;
}

/** Contents of a shard, or of a part of one. */
export interface ShardRows {
  /** `[rows, N]`, `[rows, N, L]`. */
  readonly tokens: Int32Array;
  readonly indices: Int32Array;
  readonly labels?: Int32Array;
  /** Tokens `[rows, C]`, or the numbers that a conditioner embeds, as many of each row. */
  readonly conditions?: Int32Array | Float32Array;
}

/** A shard that was found intact. */
export interface LoadedShard {
  readonly file: string;
  readonly configuration: ShardConfiguration;
  readonly rows: ShardRows;
  /** SHA-256 of everything in it. */
  readonly checksum: string;
}

/** Returns the number of shards of all views. */
export function shardCount({ views, batchesPerView, batchesPerShard }: ShardConfiguration): number {
  return views * Math.ceil(batchesPerView / batchesPerShard);
}

/** The first places, or all, in order. */
export function shardPlaces(configuration: ShardConfiguration, most = Infinity): ShardPlace[] {
  const { batchesPerView, batchesPerShard } = configuration;
  const shards = Math.ceil(batchesPerView / batchesPerShard);
  return Array.from({ length: Math.min(most, shardCount(configuration)) }, (_, place) => ({
    view: Math.floor(place / shards),
    index: place % shards,
  }));
}

/** Matches the names of shards: `codes-000-00000.safetensors` has the view, then the shard. */
export const shardName = /^codes-(\d{3,})-(\d{5,})\.safetensors$/;

/** `codes-000-00000.safetensors`: view, shard. */
export function nameOf({ view, index }: ShardPlace): string {
  return `codes-${String(view).padStart(3, '0')}-${String(index).padStart(5, '0')}.safetensors`;
}

/** Writes one shard with its config and a checksum of everything in it. */
export async function writeShard(file: string, configuration: ShardConfiguration, rows: ShardRows): Promise<void> {
  const text = JSON.stringify(configuration);
  const tensors = tensorsOf(configuration, rows);
  await writeSafetensors(file, tensors, { format, configuration: text, sha256: checksumOf(text, tensors) });
}

/**
 * Reads a shard and checks all of it.
 * @throws {DataError} when it is damaged, or holds tokens that are out of range
 */
export async function readShard(file: string): Promise<LoadedShard> {
  const { tensors, metadata } = await readSafetensors(file);
  const configuration = configurationOf(metadata, file);
  const { configuration: text = '', sha256: checksum = '' } = metadata;
  if (checksumOf(text, tensors) !== checksum) {
    throw new DataError({
      where: file,
      expected: `SHA-256 ${checksum.slice(0, 16)}...`,
      got: 'another',
      fix: 'The file was changed after it was written. Remove it and call encodeToShards again, which makes it anew.',
    });
  }
  return { file, configuration, rows: rowsOf(tensors, configuration, file), checksum };
}

/** @throws {DataError} */
export async function readShardConfiguration(file: string): Promise<ShardConfiguration> {
  const opened = await openSafetensors(file);
  await opened.close();
  return configurationOf(opened.metadata, file);
}

/** @throws {ConfigError} naming what differs */
export function assertSameConfiguration(file: string, got: ShardConfiguration, expected: ShardConfiguration): void {
  const names = Object.keys(expected) as (keyof ShardConfiguration)[];
  const differing = names.filter((name) => JSON.stringify(got[name]) !== JSON.stringify(expected[name]));
  if (differing.length === 0) return;
  throw new ConfigError({
    where: file,
    expected: `shards of ${differing.map((name) => `${name} ${JSON.stringify(expected[name])}`).join(', ')}`,
    got: differing.map((name) => `${name} ${JSON.stringify(got[name])}`).join(', '),
    fix: 'Go on with what the folder was begun with, or choose another folder.',
  });
}

function configurationOf(metadata: Readonly<Record<string, string>>, file: string): ShardConfiguration {
  let value: unknown;
  try {
    value = metadata['format'] === format ? JSON.parse(metadata['configuration'] ?? '') : undefined;
  } catch {
    value = undefined;
  }
  const parsed = configurationSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new DataError({
    where: file,
    expected: `codes in the format ${format}`,
    got: metadata['format'] ?? 'a safetensors file without a format',
  });
}

function tensorsOf(configuration: ShardConfiguration, rows: ShardRows): Map<string, HostTensor> {
  const { tokens, indices, labels, conditions } = rows;
  const count = indices.length;
  return new Map<string, HostTensor>([
    ['tokens', { shape: tokensShapeOf(configuration, count), data: tokens }],
    ['indices', { shape: [count], data: indices }],
    ...(labels ? [['labels', { shape: [count], data: labels }] as const] : []),
    ...(conditions ? [['conditions', { shape: [count, conditions.length / count], data: conditions }] as const] : []),
  ]);
}

function rowsOf(tensors: ReadonlyMap<string, HostTensor>, configuration: ShardConfiguration, file: string): ShardRows {
  const { conditioner, vocabSize } = configuration;
  const count = tensors.get('indices')?.shape[0] ?? 0;
  const refuse = (expected: string, name: string): DataError => {
    const tensor = tensors.get(name);
    return new DataError({ where: file, expected, got: tensor ? formatShape(tensor.shape) : 'none' });
  };
  const read = (name: string, shape: readonly number[]): Int32Array => {
    const { shape: found, data } = tensors.get(name) ?? {};
    if (data instanceof Int32Array && formatShape(found!) === formatShape(shape)) return data;
    throw refuse(`int32 ${name} ${formatShape(shape)}`, name);
  };
  const readNumbers = (name: string, shape: readonly number[]): Float32Array => {
    const { shape: found, data } = tensors.get(name) ?? {};
    if (data instanceof Float32Array && formatShape(found!) === formatShape(shape) && data.every(Number.isFinite)) {
      return data;
    }
    throw refuse(`finite float32 ${name} ${formatShape(shape)}`, name);
  };
  const tokensShape = tokensShapeOf(configuration, count);
  const tokens = read('tokens', tokensShape);
  assertTokensInRange(tokens, tokensShape, vocabSize, 'tokens', file);
  let conditions: ShardRows['conditions'];
  if (conditioner && 'size' in conditioner) conditions = readNumbers('conditions', [count, conditioner.size]);
  else if (conditioner) {
    const shape = [count, conditioner.length];
    conditions = read('conditions', shape);
    assertTokensInRange(conditions, shape, conditioner.vocabSize, 'conditions', file);
  }
  return {
    tokens,
    indices: read('indices', [count]),
    ...(tensors.has('labels') ? { labels: read('labels', [count]) } : {}),
    ...(conditions ? { conditions } : {}),
  };
}

function checksumOf(configuration: string, tensors: ReadonlyMap<string, HostTensor>): string {
  const hash = createHash('sha256').update(configuration);
  for (const [name, { shape, data }] of tensors) {
    hash.update(JSON.stringify([name, shape]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
