import { randomBytes } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { ConfigError, DataError } from '@vitvq/core';
import { createFolder, readText, writeJson } from '@vitvq/files';
import { z } from 'zod';
import type { JobFolder } from './job-folder.js';
import { placeUnlessThere } from './place-file.js';
import { configurationSchema, shardCount, type ShardConfiguration, type ShardPlace } from './shard.js';

const format = 'vitvq-token-plan/1';
const maximumPlanBytes = 2 ** 20;

const planSchema = z.strictObject({
  format: z.literal(format),
  /** SHA-256 of the tokenizer's config and weights, or what else tells it from others. */
  tokenizer: z.string().min(1),
  /** Images of the source, each of which is in every view. */
  images: z.int().min(1),
  /** Shard i of a view holds images i * imagesPerShard up to (i + 1) * imagesPerShard. */
  imagesPerShard: z.int().min(1),
  /** Of all views. */
  shards: z.int().min(1),
  /** What every shard says of itself. */
  configuration: configurationSchema,
});

/** What many workers make of what: which images become which shard, by which tokenizer. */
export type TokenPlan = Readonly<z.output<typeof planSchema>>;

/** Returns the plan of a tokenizer, images and the configuration of their shards. */
export function planOf(tokenizer: string, images: number, configuration: ShardConfiguration): TokenPlan {
  const { batchSize, batchesPerShard } = configuration;
  return {
    format,
    tokenizer,
    images,
    imagesPerShard: batchSize * batchesPerShard,
    shards: shardCount(configuration),
    configuration,
  };
}

/** Returns the first image of a shard, and the first one after it. */
export function imagesOf({ index }: ShardPlace, { images, imagesPerShard }: TokenPlan): { begin: number; end: number } {
  const begin = index * imagesPerShard;
  return { begin, end: Math.min(begin + imagesPerShard, images) };
}

/**
 * Makes a plan that of a folder, or makes sure that it is the one that another worker wrote.
 * @param check  called before a plan is written; refuses what the folder holds
 * @throws {ConfigError} naming what differs
 */
export async function joinPlan(folder: JobFolder, plan: TokenPlan, check: () => Promise<void>): Promise<void> {
  let found = await readPlan(folder);
  if (!found) {
    await check();
    await createFolder(folder.directory);
    const staged = join(folder.directory, `.plan.${randomBytes(6).toString('hex')}.tmp`);
    try {
      await writeJson(staged, plan);
      await placeUnlessThere(staged, folder.plan);
    } finally {
      await fs.rm(staged, { force: true });
    }
    found = await readPlan(folder);
  }
  if (found) assertSamePlan(folder.plan, found, plan);
}

/**
 * Reads the plan of a folder; undefined where there is none.
 * @throws {DataError} for a file that is no plan
 */
export async function readPlan({ plan }: JobFolder): Promise<TokenPlan | undefined> {
  // Where there are no hard links, another worker may be writing it at this moment.
  for (let attempt = 0; ; attempt++) {
    if (!(await fs.stat(plan).catch(() => undefined))) return undefined;
    const parsed = planSchema.safeParse(jsonOf(await readText(plan, 'a plan', maximumPlanBytes)));
    if (parsed.success) return parsed.data;
    if (attempt === 10) {
      const fix = 'If it was damaged, remove it, and start the workers again.';
      throw new DataError({ where: plan, expected: `a plan in the format ${format}`, got: 'something else', fix });
    }
    await setTimeout(50);
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function assertSamePlan(file: string, found: TokenPlan, own: TokenPlan): void {
  const facts = ({ tokenizer, images, configuration }: TokenPlan): Record<string, unknown> => ({
    tokenizer,
    images,
    ...configuration,
  });
  const [expected, got] = [facts(found), facts(own)];
  const differing = Object.keys(expected).filter(
    (name) => JSON.stringify(expected[name]) !== JSON.stringify(got[name]),
  );
  if (differing.length === 0) return;
  const say = (values: Record<string, unknown>): string =>
    differing.map((name) => `${name} ${JSON.stringify(values[name])}`).join(', ');
  throw new ConfigError({
    where: file,
    expected: `a worker of the plan: ${say(expected)}`,
    got: say(got),
    fix: 'Start every worker with the tokenizer, the images and the options of the first one, or choose another folder.',
  });
}
