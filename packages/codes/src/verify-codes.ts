import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { checkOptions, DataError, VitvqError, type OptionTable } from '@vitvq/core';
import { namesIn, removeFile, sha256OfFile } from '@vitvq/files';
import { Claims } from './internal/claims.js';
import { FinishedShards } from './internal/finished-shards.js';
import { jobFolder } from './internal/job-folder.js';
import {
  assertSameConfiguration,
  nameOf,
  readShard,
  shardName,
  shardPlaces,
  type ShardPlace,
  type ShardRows,
} from './internal/shard.js';
import { imagesOf, readPlan, type TokenPlan } from './internal/token-plan.js';

/** Options of {@link verifyCodes}. */
export interface VerifyCodesOptions {
  /**
   * Removes what is damaged, and files of shards that the plan does not have, so that workers make
   * the rest anew.
   * @default false
   */
  readonly repair?: boolean;
  /** Called after each shard, with the number of shards so far and of all. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

const optionNames: OptionTable<VerifyCodesOptions> = {
  repair: 'optional',
  onProgress: 'optional',
  signal: 'optional',
};

/** A shard that is there and not as it should be. */
export interface DamagedShard {
  /** Name of the file. */
  readonly shard: string;
  readonly reason: string;
}

/** What {@link verifyCodes} found. */
export interface VerifiedCodes {
  /** Whether every image is there exactly once in every view, apart from those left out. */
  readonly isComplete: boolean;
  /** Images of the source, unusable ones included. */
  readonly images: number;
  readonly views: number;
  /** Images of the source that could not be used, counted in every view. */
  readonly leftOut: number;
  /** Shards that are planned. */
  readonly shards: number;
  /** Shards that are whole. */
  readonly intact: number;
  /** Bytes of the shards that are whole. */
  readonly bytes: number;
  /** Names of shards that are not there yet. */
  readonly missing: readonly string[];
  readonly damaged: readonly DamagedShard[];
  /** Names of shards that the plan does not have. */
  readonly unplanned: readonly string[];
  /** Shards that a worker has claimed, whether it still lives or not. */
  readonly claimed: number;
}

/**
 * Reads everything that workers (`encodeAsWorker`) have made of a folder: whether each shard of the
 * plan is there and has its SHA-256, and whether it holds the images of its range, each once, the
 * same in every view. Needs neither the tokenizer nor the images. Workers may go on meanwhile.
 * @throws {DataError} when the folder has no plan
 */
export async function verifyCodes(directory: string, options: VerifyCodesOptions = {}): Promise<VerifiedCodes> {
  const { repair = false, onProgress, signal } = checkOptions(options, optionNames, 'verifyCodes');
  const folder = jobFolder(directory);
  const plan = await readPlan(folder);
  if (!plan) {
    const fix = 'vitvq tokenize and encodeAsWorker write one. openCodes verifies folders of encodeToShards.';
    throw new DataError({ where: directory, expected: 'a folder with a plan.json', got: 'none', fix });
  }
  const finished = new FinishedShards(folder);
  const done = await finished.names();
  const places = shardPlaces(plan.configuration);
  const found = new Map<string, FoundShard>();
  const missing: string[] = [];
  const damaged: DamagedShard[] = [];
  for (const [number, place] of places.entries()) {
    signal?.throwIfAborted();
    const name = nameOf(place);
    if (!done.has(name)) missing.push(name);
    else {
      const result = await checked(directory, place, plan, finished);
      if ('reason' in result) damaged.push({ shard: name, reason: result.reason });
      else found.set(name, result);
    }
    onProgress?.(number + 1, places.length);
  }
  for (const shard of unlike(found, places)) {
    found.delete(shard);
    damaged.push({ shard, reason: 'it has fewer images than the same shard of another view' });
  }
  const planned = new Set(places.map(nameOf));
  const unplanned = (await namesIn(directory)).filter((name) => shardName.test(name) && !planned.has(name)).sort();
  if (repair) {
    for (const place of places) {
      if (damaged.some(({ shard }) => shard === nameOf(place))) await finished.remove(place);
    }
    for (const name of unplanned) await removeFile(join(directory, name), 'to remove a shard that is not planned');
  }
  const whole = [...found.values()];
  return {
    isComplete: whole.length === places.length && unplanned.length === 0,
    images: plan.images,
    views: plan.configuration.views,
    leftOut: whole.reduce((sum, { leftOut }) => sum + leftOut, 0),
    shards: places.length,
    intact: whole.length,
    bytes: whole.reduce((sum, { bytes }) => sum + bytes, 0),
    missing,
    damaged,
    unplanned,
    claimed: (await new Claims(folder.claims, 1).claimed()).length,
  };
}

interface FoundShard {
  readonly images: number;
  readonly leftOut: number;
  readonly bytes: number;
  /** Hash of the positions of its images. */
  readonly positions: string;
}

/** Reads one shard; returns what it holds, or what is wrong. */
async function checked(
  directory: string,
  place: ShardPlace,
  plan: TokenPlan,
  finished: FinishedShards,
): Promise<FoundShard | { readonly reason: string }> {
  const record = await finished.read(place);
  if (!record) return { reason: 'its record cannot be read' };
  const file = join(directory, nameOf(place));
  const sha256 = await sha256OfFile(file);
  if (sha256 !== record.sha256) {
    const got = sha256 === undefined ? 'it cannot be read' : `its SHA-256 is ${sha256.slice(0, 16)}...`;
    return { reason: `${got}, not ${record.sha256.slice(0, 16)}...` };
  }
  try {
    const { configuration, rows } = await readShard(file);
    assertSameConfiguration(file, configuration, plan.configuration);
    const problem = problemOf(rows, place, plan);
    if (problem !== undefined) return { reason: problem };
    const { images, leftOut, bytes } = record;
    if (images !== rows.indices.length || images + leftOut !== lengthOf(place, plan)) {
      return { reason: `it holds ${rows.indices.length} images, and its record says ${images}` };
    }
    return { images, leftOut, bytes, positions: hashOf(rows) };
  } catch (error) {
    if (error instanceof VitvqError) return { reason: error.message };
    throw error;
  }
}

/** Positions in their order, within the range of the shard, have none twice, here or elsewhere. */
function problemOf({ indices }: ShardRows, place: ShardPlace, plan: TokenPlan): string | undefined {
  const { begin, end } = imagesOf(place, plan);
  const wrong = indices.find((image, row) => image < begin || image >= end || image <= (indices[row - 1] ?? -1));
  return wrong === undefined
    ? undefined
    : `image ${wrong} is not in [${begin}, ${end}), or not after the one before it`;
}

function lengthOf(place: ShardPlace, plan: TokenPlan): number {
  const { begin, end } = imagesOf(place, plan);
  return end - begin;
}

function hashOf({ indices }: ShardRows): string {
  const bytes = new Uint8Array(indices.buffer, indices.byteOffset, indices.byteLength);
  return createHash('sha256').update(bytes).digest('hex');
}

/** Names of shards that have not the images of the same shard of another view, which has more. */
function unlike(found: ReadonlyMap<string, FoundShard>, places: readonly ShardPlace[]): string[] {
  const fullest = new Map<number, FoundShard>();
  for (const place of places) {
    const shard = found.get(nameOf(place));
    if (shard && shard.images > (fullest.get(place.index)?.images ?? -1)) fullest.set(place.index, shard);
  }
  return places
    .filter((place) => {
      const shard = found.get(nameOf(place));
      return shard && shard.positions !== fullest.get(place.index)!.positions;
    })
    .map(nameOf);
}
