import { join } from 'node:path';
import { z } from 'zod';
import { firstImages, type HostImages } from '@vitvq/core';
import { readEarlierResults } from '@vitvq/example-shared';
import { assertWritableFolder, createFolder, writeJson } from '@vitvq/files';
import { comparisonGrid, writePng } from '@vitvq/report';
import type { Settings, Variant } from './config.js';
import type { Result } from './train-variant.js';

const resultSchema = z.strictObject({
  name: z.string(),
  steps: z.int(),
  seconds: z.number(),
  usage: z.number(),
  perplexity: z.number(),
  l2: z.number(),
  l1: z.number(),
  psnr: z.number(),
  detail: z.number(),
});
const fileSchema = z.strictObject({
  settings: z.strictObject({
    steps: z.int(),
    seed: z.int(),
    smoke: z.boolean(),
    ownImages: z.literal(true).optional(),
  }),
  results: z.record(z.string(), resultSchema),
});

/** Images of a training that are shown. */
const SHOWN = 16;

/** Results in `results.json`, kept as each training ends. */
export interface Results {
  of(variant: Variant): Result | undefined;
  keep(variant: Variant, result: Result, reconstructions: HostImages): Promise<void>;
}

/**
 * @throws {ConfigError} when the folder holds results of other settings
 * @throws {DataError} when they cannot be read, or nothing can be written to the folder
 */
export async function openResults(out: string, settings: Settings): Promise<Results> {
  const file = join(out, 'results.json');
  await assertWritableFolder(out);
  await createFolder(out);
  const earlier = await readEarlierResults(file, fileSchema, settings);
  const kept = new Map<string, Result>(Object.entries(earlier ?? {}));
  return {
    of: ({ name }) => kept.get(name),
    keep: async ({ name }, result, reconstructions) => {
      const grid = await comparisonGrid([firstImages(reconstructions, SHOWN)], { scale: 2 });
      await writePng(join(out, `${name}.png`), grid);
      kept.set(name, result);
      await writeJson(file, { settings, results: Object.fromEntries(kept) });
    },
  };
}
