import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { createFolder, readText, writeWhole } from '@vitvq/files';
import { z } from 'zod';
import type { ShardIndex } from './index-shard.js';

/** Indexes of more bytes are none of ours: a million samples have about 150 MB. */
const MAXIMUM_BYTES = 2 ** 29 - 25;

const count = z.int().min(0);

const indexSchema: z.ZodType<ShardIndex> = z.strictObject({
  samples: z.array(
    z.strictObject({
      name: z.string(),
      offset: count,
      size: count,
      label: z.string().optional(),
      caption: z.union([z.string(), z.array(z.string())]).optional(),
    }),
  ),
  skipped: z.array(z.strictObject({ name: z.string(), reason: z.string() })),
});

/**
 * Returns an index that a folder keeps, or else makes it and keeps it there: the index of a shard
 * on the web takes a request for each image.
 * @param facts  what the index depends on
 * @throws {DataError} when it cannot be kept
 */
export async function keptIndex(
  folder: string | undefined,
  facts: object,
  make: () => Promise<ShardIndex>,
): Promise<ShardIndex> {
  if (folder === undefined) return make();
  const digest = createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32);
  const file = join(folder, `${digest}.index.json`);
  const kept = await readIndex(file);
  if (kept) return kept;
  const made = await make();
  await createFolder(folder);
  await writeWhole(file, JSON.stringify(made));
  return made;
}

/** Returns undefined for a file that is not there or is damaged. */
async function readIndex(file: string): Promise<ShardIndex | undefined> {
  try {
    return indexSchema.parse(JSON.parse(await readText(file, 'an index of a shard', MAXIMUM_BYTES)));
  } catch (error) {
    if (error instanceof DataError || error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}
