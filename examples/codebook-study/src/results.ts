import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError, DataError } from '@vitvq/core';
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
  const results = await readEarlier(file, settings);
  return {
    of: ({ name }, seed) => results[name]?.[seed],
    keep: async ({ name }, seed, result) => {
      results[name] = { ...results[name], [seed]: result };
      await writeJson(file, { settings, results });
    },
  };
}

async function readEarlier(file: string, settings: Settings): Promise<Record<string, Record<string, Result>>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  const parsed = fileSchema.safeParse(tryJson(text));
  if (!parsed.success) {
    throw new DataError({
      where: file,
      expected: 'results of this program',
      got: z.prettifyError(parsed.error),
      fix: 'Remove the file, or choose another --out.',
    });
  }
  if (JSON.stringify(parsed.data.settings) !== JSON.stringify(settings)) {
    throw new ConfigError({
      where: file,
      expected: `results of ${JSON.stringify(settings)}`,
      got: JSON.stringify(parsed.data.settings),
      fix: 'Give the same options to go on with these, or choose another --out.',
    });
  }
  return parsed.data.results;
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
