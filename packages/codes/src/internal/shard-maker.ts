import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { DataError, VitvqError } from '@vitvq/core';
import { createFolder, namesIn, regularFileSize, sha256OfFile } from '@vitvq/files';
import type { Claim } from './claims.js';
import type { FinishedShards } from './finished-shards.js';
import type { JobFolder } from './job-folder.js';
import { placeUnlessThere } from './place-file.js';
import { assertSameConfiguration, nameOf, readShard, writeShard, type ShardPlace, type ShardRows } from './shard.js';
import { joined, positionsOf } from './shard-parts.js';
import { imagesOf, type TokenPlan } from './token-plan.js';

/** Attempts to write a shard; a full disk may be emptied. */
const writingAttempts = 60;
/** Seconds between two of them, at most. */
const longestPause = 5;

/** What a {@link ShardMaker} works with. */
export interface ShardMakerOptions {
  readonly folder: JobFolder;
  readonly plan: TokenPlan;
  readonly finished: FinishedShards;
  /** Returns the rows of a batch, counted from the very first. */
  readonly encode: (position: number) => Promise<ShardRows>;
  /** Called after each batch, with the number of images of the shard that are done. */
  readonly onImages: (images: number) => void;
  readonly signal: AbortSignal | undefined;
}

/** Makes shards that a worker has claimed, and puts them where all workers see them. */
export class ShardMaker {
  readonly #options: ShardMakerOptions;

  constructor(options: ShardMakerOptions) {
    this.#options = options;
  }

  /**
   * Makes a shard, unless a worker that was killed has left it whole, or another one is faster.
   * @returns whether this worker made it
   * @throws {DataError} when the disk does not take it
   */
  async make(place: ShardPlace, claim: Claim): Promise<boolean> {
    const { folder, plan, encode, onImages, signal } = this.#options;
    await this.#removeStaged(claim);
    if (await this.#adopt(place)) return false;
    await fs.rm(join(folder.directory, nameOf(place)), { force: true });
    const { begin, end } = positionsOf(place, plan.configuration);
    const range = imagesOf(place, plan);
    const parts: ShardRows[] = [];
    for (let position = begin; position < end; position++) {
      signal?.throwIfAborted();
      parts.push(await encode(position));
      onImages(Math.min(parts.length * plan.configuration.batchSize, range.end - range.begin));
      if (await claim.isLostMeanwhile()) return false;
    }
    return this.#publish(place, joined(parts), claim);
  }

  /** Writes a shard beside the others and gives it its name, which it never takes from another. */
  async #publish(place: ShardPlace, rows: ShardRows, claim: Claim): Promise<boolean> {
    const { folder, plan, finished } = this.#options;
    const staged = join(folder.staging, stagedName(claim));
    try {
      await this.#untilThereIsRoom(claim, async () => {
        await createFolder(folder.staging);
        await writeShard(staged, plan.configuration, rows);
      });
      if (await claim.isLost()) return false;
      const record = await this.#record(place, staged, rows);
      // A worker whose claim was taken over may be as fast: one of the two shards counts.
      if (!(await placeUnlessThere(staged, join(folder.directory, nameOf(place))))) {
        await this.#adopt(place);
        return false;
      }
      await this.#untilThereIsRoom(claim, () => finished.add(record));
      return true;
    } catch (error) {
      if (!(await claim.isLost())) throw error;
      // Who took the claim over has removed the staged file.
      return false;
    } finally {
      await fs.rm(staged, { force: true });
    }
  }

  /** Writes the record of a shard that is there and whole; returns whether it is. */
  async #adopt(place: ShardPlace): Promise<boolean> {
    const { folder, plan, finished } = this.#options;
    const file = join(folder.directory, nameOf(place));
    if (!(await fs.stat(file).catch(() => undefined))) return false;
    try {
      const { configuration, rows } = await readShard(file);
      assertSameConfiguration(file, configuration, plan.configuration);
      await finished.add(await this.#record(place, file, rows));
      return true;
    } catch (error) {
      // Damaged, or of another format: it is made anew.
      if (error instanceof VitvqError) return false;
      throw error;
    }
  }

  async #record(place: ShardPlace, file: string, { indices }: ShardRows) {
    const { begin, end } = imagesOf(place, this.#options.plan);
    const bytes = await regularFileSize(file, 'a shard');
    const sha256 = await sha256OfFile(file);
    if (sha256 === undefined) throw new DataError({ where: file, expected: 'a shard that can be read', got: 'none' });
    const images = indices.length;
    return { shard: nameOf(place), sha256, bytes, images, leftOut: end - begin - images };
  }

  /** Removes what earlier workers have left of a shard. */
  async #removeStaged({ shard, id }: Claim): Promise<void> {
    const { staging } = this.#options.folder;
    const left = (await namesIn(staging)).filter((name) => name.replace(/^\./, '').startsWith(`${shard}.`));
    for (const name of left) {
      if (!name.includes(id)) await fs.rm(join(staging, name), { force: true });
    }
  }

  /** Tries again while the disk takes nothing; meanwhile the claim lives on. */
  async #untilThereIsRoom(claim: Claim, write: () => Promise<void>): Promise<void> {
    const { signal } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        await write();
        return;
      } catch (error) {
        if (!(error instanceof DataError) || attempt === writingAttempts || (await claim.isLost())) throw error;
        if (attempt === 1) {
          process.emitWarning(`${error.message} The shard waits for the next attempt.`, 'VitvqCodesWarning');
        }
        await setTimeout(1000 * Math.min(claim.interval, longestPause), undefined, { signal }).catch(() => undefined);
        signal?.throwIfAborted();
      }
    }
  }
}

const stagedName = ({ shard, id }: Claim): string => `${shard}.${id}.safetensors`;
