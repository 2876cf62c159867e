import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonObject } from '@vitvq/checkpoint';
import { DataError } from '@vitvq/core';
import { logCurve, readTrainingLog } from '@vitvq/training';
import { z } from 'zod';
import { shippedFile } from '../config/shipped-file.js';
import type { TrainedRun } from '../train-run.js';
import { rungNames } from './rungs.js';

/** Name of the file, in the folder of a climb, that holds what was measured on each rung. */
export const ladderFile = 'ladder.json';

const curve = z
  .array(z.tuple([z.int().min(0), z.number()]))
  .min(1)
  .readonly();

const rungRecordSchema = z.strictObject({
  /** PSNR of the tokenizer in decibels, by step. */
  psnr: curve,
  /** Loss of the transformer in nats a token, by step. */
  natsPerToken: curve,
  /** Entropy of the codes' frequencies: what a transformer that learns nothing else reaches. */
  unigramNatsPerToken: z.number(),
  /** Fraction of the codes that 256 images use. */
  codebookUsage: z.number(),
  /** Of both trainings. */
  minutes: z.number(),
  engine: z.string(),
  threads: z.int(),
});

/** What was measured on a rung. */
export type RungRecord = z.output<typeof rungRecordSchema>;

const ladderRecordSchema = z.strictObject({
  /** Changes of the configs, as `--set` takes them. */
  set: z.array(z.string()).readonly(),
  seed: z.int(),
  rungs: z.partialRecord(z.enum(rungNames), rungRecordSchema),
});

/** What was measured on the rungs of a ladder: the content of `ladder.json`. */
export type LadderRecord = z.output<typeof ladderRecordSchema>;

/**
 * Reads what a climb measured, or without a path the expected curves that are shipped.
 * @param source  folder of a climb, or its `ladder.json`
 * @throws {DataError} when there is no such file or it is something else
 */
export async function readLadderRecord(source?: string): Promise<LadderRecord> {
  const file = source === undefined ? shippedFile('ladder/expected.json') : fileOf(source);
  if (file === undefined || !existsSync(file)) {
    throw new DataError({
      where: file ?? 'ladder/expected.json',
      expected: `a folder that \`vitvq ladder --out\` wrote, or its ${ladderFile}`,
      got: 'no such file',
    });
  }
  const { value } = await readJsonObject(file, 'curves of a ladder', { maximumBytes: 2 ** 24, maximumDepth: 8 });
  const parsed = ladderRecordSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new DataError({ where: file, expected: 'curves of a ladder', got: z.prettifyError(parsed.error) });
}

function fileOf(source: string): string {
  return statSync(source, { throwIfNoEntry: false })?.isDirectory() ? join(source, ladderFile) : source;
}

/** Returns what a run of a rung measured. */
export async function recordOf(folder: string, { results, metrics }: TrainedRun): Promise<RungRecord> {
  const [tokenizer, transformer] = await Promise.all(
    ['tokenizer', 'transformer'].map((stage) => readTrainingLog(join(folder, stage))),
  );
  const { tokenizer: ofTokenizer, transformer: ofTransformer } = results;
  return rungRecordSchema.parse({
    psnr: logCurve(tokenizer!, 'evaluate', 'psnr'),
    natsPerToken: logCurve(transformer!, 'evaluate', 'natsPerToken'),
    unigramNatsPerToken: ofTransformer?.result.unigramNatsPerToken,
    codebookUsage: ofTokenizer?.result.codebookUsage,
    minutes: ((ofTokenizer?.result.trainingSeconds ?? 0) + (ofTransformer?.result.trainingSeconds ?? 0)) / 60,
    engine: metrics['engine'],
    threads: metrics['threads'],
  });
}
