import { join } from 'node:path';
import { z } from 'zod';
import { readEarlierResults } from '@vitvq/example-shared';
import { assertWritableFolder, createFolder, writeJson } from '@vitvq/files';
import type { Settings, Variant } from './config.js';
import type { Result } from './train-variant.js';

const resultSchema = z.strictObject({
  seconds: z.number(),
  curve: z
    .array(
      z.strictObject({
        step: z.int(),
        deadCodes: z.int(),
        perplexity: z.number(),
        psnr: z.number(),
      }),
    )
    .min(1),
});
const fileSchema = z.strictObject({
  settings: z.strictObject({ steps: z.int(), smoke: z.boolean() }),
  /** By the name of a variant, then by seed. */
  results: z.record(z.string(), z.record(z.string(), resultSchema)),
});

export const RESULTS_FILE = 'results.json';

/** Results in `results.json`, kept as each training ends. */
export interface Results {
  of(variant: Variant, seed: number): Result | undefined;
  keep(variant: Variant, seed: number, result: Result): Promise<void>;
}

/**
 * Opens the results of a folder; those of more seeds may join them later.
 * @throws {ConfigError} when the folder holds results of other settings
 * @throws {DataError} when they cannot be read, or nothing can be written to the folder
 */
export async function openResults(out: string, settings: Settings): Promise<Results> {
  const file = join(out, RESULTS_FILE);
  await assertWritableFolder(out);
  await createFolder(out);
  const results = (await readEarlierResults(file, fileSchema, settings)) ?? {};
  return {
    of: ({ name }, seed) => results[name]?.[seed],
    keep: async ({ name }, seed, result) => {
      results[name] = { ...results[name], [seed]: result };
      await writeJson(file, { settings, results });
    },
  };
}
