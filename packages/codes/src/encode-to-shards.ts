import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import {
  ConfigError,
  DataError,
  assertBatch,
  assertImages,
  assertInteger,
  assertHasTokens,
  assertMembers,
  assertTokensFit,
  assertTokensInRange,
  checkOptions,
  concatenate,
  countOf,
  type BatchSource,
  type ImageBatch,
  type OptionTable,
  type Tokenizer,
} from '@vitvq/core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import { removeTemporaryFiles, withFolderLock } from '@vitvq/files';
import type { AnyConditioner } from '@vitvq/transformers';
import {
  assertSameConfiguration,
  nameOf,
  readShard,
  shardPlaces,
  writeShard,
  type LoadedShard,
  type ShardConfiguration,
  type ShardPlace,
  type ShardRows,
} from './internal/shard.js';

/** Number of shards that may wait for a full disk. */
const maximumWaitingShards = 4;

/** Batches of all images again and again; `createBatches` of @vitvq/data makes one. */
export interface RepeatedImages extends BatchSource<ImageBatch> {
  /** Batches in which each image comes once. */
  readonly batchesPerEpoch: number;
}

/** How far {@link encodeToShards} is. */
export interface EncodeProgress {
  /** Done, those of an earlier call included. */
  readonly shards: number;
  readonly totalShards: number;
  /** Share of the batches, in [0, 1]. */
  readonly progress: number;
}

/** What {@link encodeToShards} encodes, and where it writes. */
export interface EncodeToShardsOptions {
  /** Frozen. */
  readonly tokenizer: Tokenizer;
  /**
   * Opens the images so that the first batch is number `startAt`; the same number must always give
   * the same batch. Take `lastBatch: 'pad'`, so that no image is left out.
   */
  readonly openBatches: (startAt: number) => RepeatedImages | Promise<RepeatedImages>;
  /**
   * Passes over the images: as many augmented views of each. 1 for images that are not augmented.
   * @default 1
   */
  readonly views?: number;
  /** Where the shards go; created if need be. One call at a time writes there. */
  readonly directory: string;
  /**
   * Conditions that need the images (`CodeConditioner`, `FeatureConditioner`) are computed as well
   * and kept beside the codes.
   */
  readonly conditioner?: AnyConditioner;
  /**
   * Batches a file; so much is held in memory, and up to four times more while the disk is full.
   * @default 64
   */
  readonly batchesPerShard?: number;
  /** Called after each batch, and after each shard that was there already. */
  readonly onProgress?: (progress: EncodeProgress) => void;
  /** Ends the call before the next batch; shards that are done stay. */
  readonly signal?: AbortSignal;
}

const encodeToShardsOptionNames: OptionTable<EncodeToShardsOptions> = {
  tokenizer: 'required',
  openBatches: 'required',
  views: 'optional',
  directory: 'required',
  conditioner: 'optional',
  batchesPerShard: 'optional',
  onProgress: 'optional',
  signal: 'optional',
};

/**
 * Encodes images once and writes their tokens, labels and positions in the source as safetensors
 * files, so that stage 2 trains without the tokenizer. The paper encodes anew for each step
 * (arXiv:2110.04627, sec. 4.2); several augmented views of each image approximate that.
 *
 * A call that was stopped or killed can be repeated. It verifies the shards that exist, encodes the
 * others, and writes the same bytes as an uninterrupted call. It encodes one batch of an existing
 * shard again to check that tokenizer and images are the same. Shards that a full disk does not
 * take wait in memory while the next ones are encoded.
 * @returns the number of images in each view
 * @throws {ConfigError} when the folder was begun with another tokenizer, other images or options,
 *   and for a tokenizer whose latents are no codes
 * @throws {ShapeError} for images of another layout
 * @throws {DataError} for a damaged shard, when shards cannot be written, when another call writes
 *   to the folder, for images with values that are not in [0, 1], and when the batches end
 *   before the epoch does
 */
export async function encodeToShards(options: EncodeToShardsOptions): Promise<{ readonly images: number }> {
  checkOptions(options, encodeToShardsOptionNames, 'encodeToShards');
  const { views = 1, directory, batchesPerShard = 64 } = options;
  const where = 'encodeToShards';
  assertInteger(views, 'views', where);
  assertInteger(batchesPerShard, 'batchesPerShard', where);
  assertHasTokens(options.tokenizer, where);
  return withFolderLock(directory, () => encodeInto(options, views, batchesPerShard));
}

async function encodeInto(
  options: EncodeToShardsOptions,
  views: number,
  batchesPerShard: number,
): Promise<{ images: number }> {
  const { tokenizer, openBatches, directory, conditioner } = options;
  // What a killed process left behind.
  await removeTemporaryFiles(directory, 'codes-', 0);
  const encoder = new Encoder(tokenizer, conditioner);
  const batches = new SeekableBatches(openBatches);
  try {
    const first = await batches.at(0);
    const { codeDepth } = await encoder.encode(first, 0);
    const configuration: ShardConfiguration = {
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
    return await encodeAll(configuration, encoder, batches, options);
  } finally {
    encoder.dispose();
    await batches.close();
  }
}

async function encodeAll(
  configuration: ShardConfiguration,
  encoder: Encoder,
  batches: SeekableBatches,
  { directory, onProgress, signal }: EncodeToShardsOptions,
): Promise<{ images: number }> {
  const { views, batchesPerView } = configuration;
  const places = shardPlaces(configuration);
  const tell = (shards: number, batchesDone: number): void =>
    onProgress?.({ shards, totalShards: places.length, progress: batchesDone / (views * batchesPerView) });
  const encode = async (position: number): Promise<ShardRows> =>
    (await encoder.encode(await batches.at(position), position % batchesPerView)).rows;

  const writer = new ShardWriter(configuration);
  let images = 0;
  let isChecked = false;
  for (const [number, place] of places.entries()) {
    const file = join(directory, nameOf(place));
    const { begin, end } = positionsOf(place, configuration);
    let rows: ShardRows;
    if (await exists(file)) {
      const shard = await readShard(file);
      assertSameConfiguration(file, shard.configuration, configuration);
      if (!isChecked) assertSameCodes(shard, await encode(begin));
      isChecked = true;
      rows = shard.rows;
      tell(number + 1, end);
    } else {
      const parts: ShardRows[] = [];
      for (let position = begin; position < end; position++) {
        if (signal?.aborted) await writer.finish();
        signal?.throwIfAborted();
        parts.push(await encode(position));
        if (position + 1 < end) tell(number, position + 1);
      }
      rows = joined(parts);
      await writer.write(file, rows);
      tell(number + 1, end);
    }
    if (place.view === 0) images += rows.indices.length;
  }
  await writer.finish();
  return { images };
}

/** Writes shards in order; those that the disk does not take wait for the next attempt. */
class ShardWriter {
  readonly #configuration: ShardConfiguration;
  readonly #waiting: { readonly file: string; readonly rows: ShardRows }[] = [];

  constructor(configuration: ShardConfiguration) {
    this.#configuration = configuration;
  }

  /** @throws {DataError} when too many wait */
  async write(file: string, rows: ShardRows): Promise<void> {
    this.#waiting.push({ file, rows });
    try {
      await this.finish();
    } catch (error) {
      if (!(error instanceof DataError) || this.#waiting.length > maximumWaitingShards) throw error;
      process.emitWarning(`${error.message} The shard waits for the next attempt.`, 'VitvqCodesWarning');
    }
  }

  /** Writes what waits. @throws {DataError} when the disk still does not take it */
  async finish(): Promise<void> {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      await writeShard(next.file, this.#configuration, next.rows);
      this.#waiting.shift();
    }
  }
}

/** Batches by number; going on from one to the next does not open them again. */
class SeekableBatches {
  readonly #open: EncodeToShardsOptions['openBatches'];
  #source: RepeatedImages | undefined;
  #next = 0;

  constructor(open: EncodeToShardsOptions['openBatches']) {
    this.#open = open;
  }

  get perEpoch(): number {
    return this.#source!.batchesPerEpoch;
  }

  get fingerprint(): string | undefined {
    return this.#source!.fingerprint;
  }

  async at(position: number): Promise<ImageBatch> {
    if (!this.#source || this.#next !== position) {
      await this.close();
      const source = await this.#open(position);
      assertMembers(source, ['next', 'close', 'batchesPerEpoch'], 'what openBatches returns', 'encodeToShards');
      this.#source = source;
    }
    this.#next = position + 1;
    const batch = await this.#source.next();
    assertBatch(batch, position, 'encodeToShards, data');
    return batch;
  }

  async close(): Promise<void> {
    await this.#source?.close();
    this.#source = undefined;
  }
}

/** Batches of images to rows of shards. */
class Encoder {
  readonly #tokenizer: Tokenizer;
  readonly #conditioner: AnyConditioner | undefined;
  readonly #encode: CompiledFunction<(images: Tensor4D) => tf.Tensor>;

  constructor(tokenizer: Tokenizer, conditioner: AnyConditioner | undefined) {
    this.#tokenizer = tokenizer;
    this.#conditioner = conditioner;
    const encode = (images: Tensor4D): tf.Tensor => tokenizer.encode(images);
    this.#encode = compile(encode, { name: 'encode', variables: 'frozen' });
  }

  /** Padding is left out. `index` is the batch's within its view. */
  async encode(batch: ImageBatch, index: number): Promise<{ rows: ShardRows; codeDepth: number }> {
    const where = 'encodeToShards';
    assertMembers(batch, ['images', 'shape'], 'a batch of images', where);
    const { shape, images, labels, indices } = batch;
    const count = countOf(batch);
    const places = indices?.slice(0, count) ?? Int32Array.from({ length: count }, (_, row) => index * shape[0]! + row);
    // All batches: codes do not show that there was no image.
    assertImages({ data: images, shape }, where, { indices: places });
    const { values, tokensShape } = await this.#tokens(images, shape as [number, number, number, number]);
    const codeDepth = tokensShape[2] ?? 1;
    const { vocabSize, grid } = this.#tokenizer;
    assertTokensFit(tokensShape, { vocabSize, grid, codeDepth }, where);
    assertTokensInRange(values, tokensShape, vocabSize, 'tokens', where);
    const rows = {
      tokens: values.slice(0, (count * values.length) / shape[0]!),
      indices: places,
      labels: labels?.slice(0, count),
      conditions: await this.#conditioner?.ofBatch(batch),
    };
    return { rows, codeDepth };
  }

  async #tokens(
    images: Float32Array,
    shape: [number, number, number, number],
  ): Promise<{ values: Int32Array; tokensShape: readonly number[] }> {
    const input = tf.tensor4d(images, shape);
    try {
      const output = await this.#encode(input);
      const values = Int32Array.from(await output.data());
      output.dispose();
      return { values, tokensShape: output.shape };
    } finally {
      input.dispose();
    }
  }

  dispose(): void {
    this.#encode.dispose();
  }
}

/** Returns what shards say of a conditioner. */
function keptOf(conditioner: AnyConditioner): NonNullable<ShardConfiguration['conditioner']> {
  const description = { ...conditioner.description };
  if (!('embed' in conditioner)) {
    return { length: conditioner.length, vocabSize: conditioner.vocabSize, description };
  }
  return { size: conditioner.nullInput.length, description };
}

/** First batch of a shard, and the first after it. */
function positionsOf({ view, index }: ShardPlace, { batchesPerView, batchesPerShard }: ShardConfiguration) {
  const begin = view * batchesPerView + index * batchesPerShard;
  return { begin, end: Math.min(begin + batchesPerShard, (view + 1) * batchesPerView) };
}

/** @throws {ConfigError} unless a shard begins with these rows */
function assertSameCodes({ file, rows }: LoadedShard, first: ShardRows): void {
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

function joined(parts: readonly ShardRows[]): ShardRows {
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

async function exists(file: string): Promise<boolean> {
  return (await fs.stat(file).catch(() => undefined)) !== undefined;
}
