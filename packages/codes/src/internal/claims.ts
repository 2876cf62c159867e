import { randomBytes, randomInt } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { createFolder, namesIn, systemReason } from '@vitvq/files';
import { formatHolder, hasEnded, parseClaimHolder, thisClaimHolder, type ClaimHolder } from './claim-holder.js';

/** Beats in the time after which a claim counts as abandoned, at least. */
const beatsBeforeAbandoned = 8;

/**
 * Seconds between two beats, at most: workers that were told other times to wait see them, too.
 */
const longestInterval = 5;

/** Claims that a worker without work watches at once: a thousand workers do not read a thousand. */
const watchedAtOnce = 16;

/** `000-00012.1`: the shard; the number rises with each claim that is taken over. */
const claimName = /^(.+)\.(\d{1,9})$/;

/** Sole right of a worker to make a shard. A timer says again and again that the worker lives. */
export class Claim {
  readonly #file: string;
  readonly #timer: NodeJS.Timeout;
  #holder: ClaimHolder;
  #beating: Promise<void> = Promise.resolve();
  #isLost = false;
  #lastBeat = performance.now();

  /** @param interval  seconds between two signs of life */
  constructor(
    readonly shard: string,
    file: string,
    holder: ClaimHolder,
    readonly interval: number,
  ) {
    this.#file = file;
    this.#holder = holder;
    this.#timer = setInterval(() => void this.beat(), 1000 * interval).unref();
  }

  get id(): string {
    return this.#holder.id;
  }

  /** Says that the worker lives, and notices when another one has taken the claim over. */
  beat(): Promise<void> {
    this.#beating = this.#beating.then(() => this.#beat());
    return this.#beating;
  }

  /** Returns whether another worker has taken the claim over. */
  async isLost(): Promise<boolean> {
    await this.beat();
    return this.#isLost;
  }

  /**
   * Returns whether another worker has taken the claim over, as far as is known; looks where the
   * timer should have: work that never waits holds timers up.
   */
  async isLostMeanwhile(): Promise<boolean> {
    if (performance.now() - this.#lastBeat > 1000 * this.interval) await this.beat();
    return this.#isLost;
  }

  /** Gives the claim back. */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    if (!(await this.isLost())) await fs.rm(this.#file, { force: true });
  }

  async #beat(): Promise<void> {
    if (this.#isLost) return;
    this.#lastBeat = performance.now();
    const next = { ...this.#holder, beat: this.#holder.beat + 1 };
    try {
      // Neither creates a claim that was removed, nor overwrites that of another worker.
      const handle = await fs.open(this.#file, 'r+');
      try {
        if (parseClaimHolder(await handle.readFile('utf8'))?.id === next.id) await handle.write(formatHolder(next), 0);
        else this.#isLost = true;
      } finally {
        await handle.close();
      }
      this.#holder = next;
    } catch (error) {
      // Whatever else goes wrong may pass; if it does not, the claim stands still for the others.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') this.#isLost = true;
    }
  }
}

/** A claim of another worker, as it was last seen. */
interface Watched {
  text: string;
  /** Seconds without a change, by the clock of who watches. */
  still: number;
  seen: number;
}

/**
 * Claims of many workers on the shards of one folder, on whatever machine they run. A claim is a
 * file that only one process can create. One that is taken over gets the next number, which again
 * only one process can create; so two workers never both remove a dead claim and create their own.
 *
 * Clocks are not compared: a claim is abandoned when its file has not changed while this process
 * looked again and again, or when its process is known to have ended.
 */
export class Claims {
  readonly #folder: string;
  readonly #takeOverAfter: number;
  readonly #watched = new Map<string, Watched>();

  /** @param takeOverAfter  seconds without a sign of life */
  constructor(folder: string, takeOverAfter: number) {
    this.#folder = folder;
    this.#takeOverAfter = takeOverAfter;
  }

  /** Seconds between two signs of life, and between two looks at those of others. */
  get interval(): number {
    return Math.min(this.#takeOverAfter / beatsBeforeAbandoned, longestInterval);
  }

  /**
   * Claims one of the shards that nobody has claimed: the first one, or where another worker is
   * faster, any.
   */
  async takeFree(shards: readonly string[]): Promise<Claim | undefined> {
    await createFolder(this.#folder);
    const claimed = await this.#numbers();
    const free = shards.filter((shard) => !claimed.has(shard));
    for (let at = 0; free.length > 0; at = randomInt(Math.max(1, free.length))) {
      const shard = free[at]!;
      const claim = await this.#create(shard, 1);
      if (claim) return claim;
      free.splice(at, 1);
    }
    return undefined;
  }

  /** Takes over one of the shards from a worker that has ended or gives no sign of life. */
  async takeAbandoned(shards: ReadonlySet<string>): Promise<{ claim: Claim; from: string } | undefined> {
    const numbers = await this.#numbers();
    for (const name of this.#watched.keys()) {
      if (!isListed(numbers, name)) this.#watched.delete(name);
    }
    const claimed = shuffled([...numbers.keys()].filter((shard) => shards.has(shard)));
    const isWatched = (shard: string): boolean => this.#watched.has(nameOf(shard, numbers.get(shard)!));
    claimed.sort((a, b) => Number(isWatched(b)) - Number(isWatched(a)));
    for (const shard of claimed.slice(0, watchedAtOnce)) {
      const number = numbers.get(shard)!;
      const text = await fs.readFile(join(this.#folder, nameOf(shard, number)), 'utf8').catch(() => undefined);
      if (text === undefined) continue;
      const holder = parseClaimHolder(text);
      if (!this.#hasStoodStill(nameOf(shard, number), text) && !(holder && (await hasEnded(holder)))) continue;
      const claim = await this.#create(shard, number + 1);
      if (!claim) continue;
      await this.#remove(shard, number);
      return { claim, from: holder ? `process ${holder.pid} on ${holder.host}` : 'a worker without a name' };
    }
    return undefined;
  }

  /**
   * Removes what workers have left that were killed between a shard and its claim. Only when all
   * shards are finished: nobody claims one any more, and whoever still makes one makes it twice.
   */
  async clear(): Promise<void> {
    for (const [shard, number] of await this.#numbers()) await this.#remove(shard, number);
  }

  /** Removes the claims on a shard up to a number, the newest first. */
  async #remove(shard: string, number: number): Promise<void> {
    for (let each = number; each > 0; each--) await fs.rm(join(this.#folder, nameOf(shard, each)), { force: true });
  }

  /** Returns the shards that are claimed. */
  async claimed(): Promise<string[]> {
    return [...(await this.#numbers()).keys()];
  }

  /** Returns whether a claim has not changed for long enough, as far as this process has seen. */
  #hasStoodStill(name: string, text: string): boolean {
    const now = performance.now() / 1000;
    const before = this.#watched.get(name);
    if (before?.text !== text) {
      this.#watched.set(name, { text, still: 0, seen: now });
      return false;
    }
    // Where this process, or the whole machine, was held up, the other worker may have been too.
    before.still += Math.min(now - before.seen, 2 * this.interval);
    before.seen = now;
    return before.still >= this.#takeOverAfter;
  }

  /** Creates a claim; returns undefined where another worker was faster. @throws {DataError} */
  async #create(shard: string, number: number): Promise<Claim | undefined> {
    const file = join(this.#folder, nameOf(shard, number));
    const holder = await thisClaimHolder(randomBytes(6).toString('hex'));
    try {
      await fs.writeFile(file, formatHolder(holder), { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
      await fs.rm(file, { force: true }).catch(() => undefined); // a full disk leaves an empty file
      const got = systemReason(error);
      throw new DataError({ where: file, expected: 'to claim a shard', got }, { cause: error });
    }
    // What happened between the look and the creation: a higher number won.
    if ((await this.#numbers()).get(shard)! > number) {
      await fs.rm(file, { force: true });
      return undefined;
    }
    return new Claim(shard, file, holder, this.interval);
  }

  /** Returns the highest number of the claims on each shard. */
  async #numbers(): Promise<Map<string, number>> {
    const numbers = new Map<string, number>();
    for (const name of await namesIn(this.#folder)) {
      const [, shard, number] = claimName.exec(name) ?? [];
      if (shard !== undefined) numbers.set(shard, Math.max(numbers.get(shard) ?? 0, Number(number)));
    }
    return numbers;
  }
}

const nameOf = (shard: string, number: number): string => `${shard}.${number}`;

function isListed(numbers: ReadonlyMap<string, number>, name: string): boolean {
  const [, shard, number] = claimName.exec(name)!;
  return numbers.get(shard!) === Number(number);
}

function shuffled<T>(values: readonly T[]): T[] {
  const result = [...values];
  for (let last = result.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}
