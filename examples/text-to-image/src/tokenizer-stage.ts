import { existsSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { terminalView, UsageError } from '@vitvq/example-shared';
import { createBatches, readImages } from '@vitvq/data';
import { trainWithView } from '@vitvq/run';
import { readTokenizerWeights, createTokenizerTrainer } from '@vitvq/stage1-trainer';
import { createTokenizer, type VQTokenizer } from '@vitvq/tokenizer';
import { loadTokenizer, saveTokenizer } from '@vitvq/tokenizer/node';
import {
  batchSizesOf,
  DEFAULTS,
  EVERY_SECONDS,
  keyOf,
  TOKENIZER_FOLDER,
  tokenizerConfig,
  tokenizerPlan,
  type Settings,
} from './config.js';
import type { StageContext } from './stage-context.js';

export const tokenizerSchema = z.strictObject({
  /** Folder of the run that it was copied from; null: trained here. */
  from: z.string().nullable(),
  /** Decibels on test images, of one that was trained here. */
  psnr: z.number().nullable(),
});
export type TokenizerResult = z.output<typeof tokenizerSchema>;

/**
 * A tokenizer of a run of the pipeline, copied so that nothing happens to it, or one that is
 * trained on squared error alone.
 */
export async function provideTokenizer(context: StageContext): Promise<TokenizerResult> {
  const run = findRun(context.settings);
  if (run === undefined) return trainTokenizer(context);
  console.log(`  taking that of ${run}`);
  await cp(join(run, TOKENIZER_FOLDER), modelFolder(context), { recursive: true });
  (await loadTokenizer(modelFolder(context))).dispose();
  return { from: run, psnr: null };
}

/**
 * The run whose tokenizer is taken; undefined where one is trained. That of the default run has
 * learned CIFAR-10, and is not taken for images of one's own.
 * @throws {UsageError} when one was asked for that has none
 */
export function findRun({ run, smoke, ownImages }: Settings): string | undefined {
  if (smoke || (ownImages && run === null)) return undefined;
  const wanted = run ?? DEFAULTS.run;
  if (existsSync(join(wanted, TOKENIZER_FOLDER, 'config.json'))) return wanted;
  if (run === null) return undefined;
  throw new UsageError([
    `--run ${run} holds no tokenizer: npm run pipeline makes one, and without --run one is trained`,
  ]);
}

async function trainTokenizer(context: StageContext): Promise<TokenizerResult> {
  const { settings, data, folder, signal } = context;
  const directory = folder.of('tokenizer');
  const config = tokenizerConfig(settings, data.sizes);
  const batchSizes = batchSizesOf(settings);
  const tokenizer = createTokenizer(config, { seed: settings.seed });
  const imageSize = tokenizer.imageSize!;
  const onSkip = data.onSkip && { onSkip: data.onSkip };
  const images = await readImages(data.test.source, { imageSize, ...onSkip });
  const trainer = createTokenizerTrainer({
    tokenizer,
    config: tokenizerPlan(settings),
    openBatches: (startAt) =>
      createBatches(data.train.source, {
        batchSize: Math.min(batchSizes.tokenizer, data.train.source.length),
        imageSize,
        ...data.shown,
        shuffle: true,
        key: keyOf(settings, 'tokenizerBatches'),
        startAt,
        ...onSkip,
      }),
    directory,
    checkpoint: { everySeconds: EVERY_SECONDS.checkpoint },
    evaluation: { images, batchSize: batchSizes.evaluation, everySeconds: EVERY_SECONDS.evaluation },
  });
  try {
    const describe = ({ psnr }: { readonly psnr: number }): string => `${psnr.toFixed(2)} dB`;
    const { evaluation } = await trainWithView(trainer, { directory, view: terminalView, signal, describe });
    tokenizer.loadVariables(await readTokenizerWeights(directory));
    await saveTokenizer(modelFolder(context), tokenizer, config);
    return { from: null, psnr: evaluation.psnr };
  } finally {
    tokenizer.dispose();
  }
}

/** The tokenizer that the stage left; the caller disposes of it. */
export function readTokenizer(context: StageContext): Promise<VQTokenizer> {
  return loadTokenizer(modelFolder(context));
}

function modelFolder({ folder }: StageContext): string {
  return join(folder.path, TOKENIZER_FOLDER);
}
