import { randomInt } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import {
  assertHasTokens,
  assertInRange,
  assertInteger,
  checkOptions,
  ConfigError,
  DataError,
  type OptionTable,
} from '@vitvq/core';
import { holderOf, namesIn } from '@vitvq/files';
import type { EncodeToShardsOptions } from './encode-to-shards.js';
import { Claims, type Claim } from './internal/claims.js';
import { FinishedShards } from './internal/finished-shards.js';
import { ImageEncoder } from './internal/image-encoder.js';
import { jobFolder, type JobFolder } from './internal/job-folder.js';
import { SeekableBatches } from './internal/seekable-batches.js';
import { ShardMaker } from './internal/shard-maker.js';
import {
  assertSameConfiguration,
  nameOf,
  readShard,
  shardName,
  shardPlaces,
  type ShardPlace,
  type ShardRows,
} from './internal/shard.js';
import { assertSameCodes, configurationOf, positionsOf } from './internal/shard-parts.js';
import { imagesOf, joinPlan, planOf, type TokenPlan } from './internal/token-plan.js';

const where = 'encodeAsWorker';

/** Seconds until a worker without work looks again, the first time. */
const shortestPause = 0.1;

/** Part of a job that a worker does alone. */
export interface WorkerShare {
  /** Of the worker, from 0 on. */
  readonly index: number;
  /** Number of workers. */
  readonly count: number;
}

/** How far the workers on a folder are. */
export interface WorkerProgress {
  /** Done, by all workers. */
  readonly shards: number;
  readonly totalShards: number;
  /** Images of all views, in shards that are done and in the one that this worker makes. */
  readonly images: number;
  readonly totalImages: number;
  /** Images of these that this worker has encoded. */
  readonly ownImages: number;
  /** Shards that other workers make, while there is nothing left for this one. @default none */
  readonly awaited?: number;
}

/** What a worker encodes, where it writes, and what it leaves to others. */
export interface EncodeAsWorkerOptions extends Omit<EncodeToShardsOptions, 'onProgress'> {
  /**
   * Text that tells the tokenizer from every other one, such as a SHA-256 of config and weights.
   */
  readonly tokenizerIdentity: string;
  /** Images of the source, unusable ones included. */
  readonly imageCount: number;
  /**
   * Makes a fixed part of the shards and waits for nobody.
   * @default any shard, until all are done
   */
  readonly share?: WorkerShare;
  /**
   * Seconds without a sign of life after which the shard of another worker is taken over.
   * @default 120
   */
  readonly takeOverAfter?: number;
  /** Called after each batch, each shard, and now and then while the worker waits. */
  readonly onProgress?: (progress: WorkerProgress) => void;
  /** Receives a line for people when a shard is taken over, by this worker or from it. */
  readonly onNote?: (line: string) => void;
}

const optionNames: OptionTable<EncodeAsWorkerOptions> = {
  tokenizer: 'required',
  tokenizerIdentity: 'required',
  openBatches: 'required',
  imageCount: 'required',
  views: 'optional',
  directory: 'required',
  conditioner: 'optional',
  batchesPerShard: 'optional',
  share: 'optional',
  takeOverAfter: 'optional',
  onProgress: 'optional',
  onNote: 'optional',
  signal: 'optional',
};

/** What a worker did, and what there is now. */
export interface WorkerResult {
  /** Shards that this worker made. */
  readonly ownShards: number;
  /** Images of all views that are in them. */
  readonly ownImages: number;
  /** Shards that are done. */
  readonly shards: number;
  readonly totalShards: number;
  /** Once all shards are done: images whose tokens each view holds. */
  readonly images?: number;
  /** Once all shards are done: images that could not be used, in the view with the most of them. */
  readonly leftOut?: number;
}

/**
 * Encodes images as `encodeToShards` does, as one of any number of workers, on any number of
 * machines that see the same folder. Each worker claims a shard, makes it, and claims the next one,
 * until all are done; then `openCodes` reads them. The shards have the same bytes as those of
 * `encodeToShards`, as far as the engines compute the same.
 *
 * The first worker writes a plan into the folder, which the others compare with theirs. A worker
 * may be killed at any moment: the others make its shard anew, at once on the same machine, and
 * elsewhere when its claim has not changed for `takeOverAfter` seconds. A worker that was taken for
 * dead and goes on does no harm, since a shard that is in place is never replaced. Calling again
 * makes what is missing. `verifyCodes` reads everything that was made.
 * @throws {ConfigError} when the plan is of another tokenizer, other images or options
 * @throws {ShapeError} for images of another layout
 * @throws {DataError} when the folder cannot be written to, when `encodeToShards` writes to it, and
 *   for images with values that are not in [0, 1]
 */
export async function encodeAsWorker(options: EncodeAsWorkerOptions): Promise<WorkerResult> {
  checkOptions(options, optionNames, where);
  const { tokenizer, openBatches, imageCount, views = 1, directory, conditioner, batchesPerShard = 64 } = options;
  const { share, takeOverAfter = 120 } = options;
  assertInteger(views, 'views', where);
  assertInteger(batchesPerShard, 'batchesPerShard', where);
  assertInteger(imageCount, 'imageCount', where);
  assertInRange(takeOverAfter, 'takeOverAfter', where, 0.1);
  if (share) {
    assertInteger(share.count, 'share.count', where);
    assertInteger(share.index, 'share.index', where, 0, share.count - 1);
  }
  assertHasTokens(tokenizer, where);
  await assertNoOtherWriter(directory);
  const encoder = new ImageEncoder(tokenizer, conditioner, where);
  const batches = new SeekableBatches(openBatches, where);
  try {
    // Before anything is claimed: the first batch compiles the tokenizer, which may take long.
    const first = await batches.at(0);
    const { codeDepth } = await encoder.encode(first, 0);
    const ingredients = { tokenizer, codeDepth, views, first, batches, batchesPerShard, conditioner };
    const plan = planOf(options.tokenizerIdentity, imageCount, configurationOf(ingredients));
    const { batchesPerView } = plan.configuration;
    const encode = async (position: number): Promise<ShardRows> =>
      (await encoder.encode(await batches.at(position), position % batchesPerView)).rows;
    const folder = jobFolder(directory);
    await joinPlan(folder, plan, () => assertSameShards(folder, plan, encode));
    return await new Worker(options, plan, folder, encode, takeOverAfter).run();
  } finally {
    encoder.dispose();
    await batches.close();
  }
}

/** One worker, from its first claim to its last. */
class Worker {
  readonly #options: EncodeAsWorkerOptions;
  readonly #plan: TokenPlan;
  readonly #finished: FinishedShards;
  readonly #claims: Claims;
  readonly #maker: ShardMaker;
  readonly #folder: JobFolder;
  /** By the name that claims have. */
  readonly #places: ReadonlyMap<string, ShardPlace>;
  #done = new Set<string>();
  #doneImages = 0;
  #ownShards = 0;
  #ownImages = 0;

  constructor(
    options: EncodeAsWorkerOptions,
    plan: TokenPlan,
    folder: JobFolder,
    encode: (position: number) => Promise<ShardRows>,
    takeOverAfter: number,
  ) {
    this.#options = options;
    this.#plan = plan;
    this.#folder = folder;
    this.#finished = new FinishedShards(folder);
    this.#claims = new Claims(folder.claims, takeOverAfter);
    const onImages = (images: number): void => this.#tell(images);
    this.#maker = new ShardMaker({ folder, plan, finished: this.#finished, encode, onImages, signal: options.signal });
    this.#places = new Map(shardPlaces(plan.configuration).map((place) => [claimNameOf(place), place]));
  }

  async run(): Promise<WorkerResult> {
    const { signal } = this.#options;
    const own = shareOf([...this.#places.keys()], this.#options.share);
    let last: string | undefined;
    let pause = shortestPause;
    for (;;) {
      signal?.throwIfAborted();
      await this.#look();
      const open = own.filter((name) => !this.#done.has(nameOf(this.#places.get(name)!)));
      if (open.length === 0) break;
      const claim = await this.#claim(open, last);
      if (claim) {
        last = await this.#work(claim);
        pause = shortestPause;
      } else {
        this.#tell(0, open.length);
        await setTimeout(1000 * pause, undefined, { signal }).catch(() => undefined);
        pause = Math.min(2 * pause, this.#claims.interval);
      }
    }
    this.#tell(0);
    return this.#result();
  }

  /** The shard after the last one, any other, or one of a worker that has gone. */
  async #claim(open: readonly string[], last: string | undefined): Promise<Claim | undefined> {
    const next = last === undefined ? await this.#firstOf(open) : open.findIndex((name) => name > last);
    const inOrder = [...open.slice(Math.max(0, next)), ...open.slice(0, Math.max(0, next))];
    const free = await this.#claims.takeFree(inOrder);
    if (free) return free;
    const abandoned = await this.#claims.takeAbandoned(new Set(open));
    if (!abandoned) return undefined;
    this.#options.onNote?.(`took over ${abandoned.claim.shard} from ${abandoned.from}`);
    return abandoned.claim;
  }

  /** Workers begin at different places: going on to the next shard is cheap, jumping is not. */
  async #firstOf(open: readonly string[]): Promise<number> {
    return this.#options.share || (await this.#claims.claimed()).length === 0 ? 0 : randomInt(open.length);
  }

  async #work(claim: Claim): Promise<string> {
    const place = this.#places.get(claim.shard)!;
    try {
      // Between the look and the claim, another worker may have finished it.
      if (await this.#finished.has(place)) return claim.shard;
      if (await this.#maker.make(place, claim)) {
        this.#ownShards++;
        this.#ownImages += sizeOf(imagesOf(place, this.#plan));
      } else if (await claim.isLost()) {
        this.#options.onNote?.(`${claim.shard} was taken over by another worker`);
      }
      return claim.shard;
    } finally {
      await claim.release();
    }
  }

  async #look(): Promise<void> {
    const names = await this.#finished.names();
    const places = [...this.#places.values()].filter((place) => names.has(nameOf(place)));
    this.#done = new Set(places.map(nameOf));
    this.#doneImages = places.reduce((sum, place) => sum + sizeOf(imagesOf(place, this.#plan)), 0);
  }

  #tell(imagesOfShard: number, awaited?: number): void {
    this.#options.onProgress?.({
      shards: this.#done.size,
      totalShards: this.#places.size,
      images: this.#doneImages + imagesOfShard,
      totalImages: this.#plan.images * this.#plan.configuration.views,
      ownImages: this.#ownImages + imagesOfShard,
      ...(awaited !== undefined && { awaited }),
    });
  }

  async #result(): Promise<WorkerResult> {
    const facts = {
      ownShards: this.#ownShards,
      ownImages: this.#ownImages,
      shards: this.#done.size,
      totalShards: this.#places.size,
    };
    if (this.#done.size < this.#places.size) return facts;
    const records = await this.#finished.complete(this.#plan.configuration);
    await this.#claims.clear();
    for (const folder of [this.#folder.claims, this.#folder.staging]) await fs.rmdir(folder).catch(() => undefined);
    const perView = records.length / this.#plan.configuration.views;
    const firstView = records.slice(0, perView);
    return {
      ...facts,
      images: firstView.reduce((sum, { images }) => sum + images, 0),
      leftOut: firstView.reduce((sum, { leftOut }) => sum + leftOut, 0),
    };
  }
}

const sizeOf = ({ begin, end }: { readonly begin: number; readonly end: number }): number => end - begin;

/** `000-00012`: view and shard. */
const claimNameOf = (place: ShardPlace): string => shardName.exec(nameOf(place))!.slice(1).join('-');

/** Shards that lie side by side, which are read faster than any others. */
function shareOf(names: readonly string[], share: WorkerShare | undefined): readonly string[] {
  if (!share) return names;
  const at = (index: number): number => Math.floor((index * names.length) / share.count);
  return names.slice(at(share.index), at(share.index + 1));
}

/** @throws {DataError} when `encodeToShards` writes to the folder, which knows of no claims */
async function assertNoOtherWriter(directory: string): Promise<void> {
  const holder = await holderOf(directory);
  if (!holder) return;
  throw new DataError({
    where: directory,
    expected: 'a folder that only workers write to',
    got: `one that process ${holder.pid} on ${holder.host} has been writing to alone since ${holder.since}`,
    fix: 'Wait for that process, end it, or choose another folder.',
  });
}

/**
 * Shards that were made without a plan, by `encodeToShards`, are gone on with.
 * @throws {ConfigError} when they are of another tokenizer, other images or options
 */
async function assertSameShards(
  { directory }: JobFolder,
  { configuration }: TokenPlan,
  encode: (position: number) => Promise<ShardRows>,
): Promise<void> {
  const names = new Set(await namesIn(directory));
  const place = shardPlaces(configuration).find((each) => names.has(nameOf(each)));
  if (!place) {
    const other = [...names].find((name) => shardName.test(name));
    if (other === undefined) return;
    const fix = 'Choose another folder.';
    throw new ConfigError({ where: directory, expected: 'shards of the same options', got: other, fix });
  }
  const shard = await readShard(join(directory, nameOf(place)));
  assertSameConfiguration(shard.file, shard.configuration, configuration);
  assertSameCodes(shard, await encode(positionsOf(place, configuration).begin));
}
