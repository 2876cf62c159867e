import { foldIn, randomKey, type HostImages } from '@vitvq/core';
import { createBatches } from '@vitvq/data';
import type { ExampleImages } from '@vitvq/example-shared';
import { trainWithView, type RunView } from '@vitvq/run';
import { createTokenizerTrainer } from '@vitvq/stage1-trainer';
import { createTokenizer } from '@vitvq/tokenizer';
import { logCurve, readTrainingLog } from '@vitvq/training';
import {
  BATCH_SIZE,
  EVALUATION_BATCH,
  EVERY,
  modelConfig,
  trainingPlan,
  type Settings,
  type Variant,
} from './config.js';

/** What held-out images showed after some steps. */
export interface Measurement {
  readonly step: number;
  /** Codes that no held-out image uses. */
  readonly deadCodes: number;
  readonly perplexity: number;
  /** In decibels. */
  readonly psnr: number;
}

/** A training: how it went. */
export interface Result {
  readonly seconds: number;
  /** By ascending step, the last one at the end. */
  readonly curve: readonly Measurement[];
}

export interface TrainOptions {
  readonly images: ExampleImages;
  /** Held-out images, as large as the tokenizer wants them. */
  readonly test: HostImages;
  readonly settings: Settings;
  /** Decides weights, order of images and draws of codes; the same for every variant. */
  readonly seed: number;
  /** Where the training keeps its checkpoints; it goes on from the newest one. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly view: RunView;
}

/** Trains and measures one tokenizer. @throws the signal's reason when it was aborted */
export async function trainVariant(
  variant: Variant,
  { images, test, settings, seed, directory, signal, view }: TrainOptions,
): Promise<Result> {
  const { train, sizes, shown, onSkip } = images;
  const { imageSize } = sizes;
  const tokenizer = createTokenizer(modelConfig(variant, sizes, settings.smoke), { seed });
  const trainer = createTokenizerTrainer({
    tokenizer,
    config: trainingPlan(variant, settings, seed),
    openBatches: (startAt) =>
      createBatches(train, {
        batchSize: BATCH_SIZE,
        imageSize,
        ...shown,
        shuffle: true,
        key: foldIn(randomKey(seed), 1),
        startAt,
        onSkip,
      }),
    directory,
    tensorBoard: false,
    evaluation: { images: test, batchSize: EVALUATION_BATCH, everySteps: EVERY.measurement },
  });
  try {
    const { elapsedSeconds } = await trainWithView(trainer, {
      directory,
      view,
      signal,
      show: ['loss', 'l2'],
      describe: ({ psnr, codebook }) => `${psnr.toFixed(2)} dB, ${codebook!.deadCodes.length} dead codes`,
    });
    return { seconds: Math.round(elapsedSeconds), curve: await readCurve(directory, tokenizer.vocabSize) };
  } finally {
    tokenizer.dispose();
  }
}

/** The log has the measurements from before a training was stopped, too. */
async function readCurve(directory: string, codebookSize: number): Promise<Measurement[]> {
  const log = await readTrainingLog(directory);
  const [usage, perplexity, psnr] = ['usage', 'perplexity', 'psnr'].map(
    (name) => new Map(logCurve(log, 'evaluate', name)),
  ) as [Map<number, number>, Map<number, number>, Map<number, number>];
  return [...usage].map(([step, fraction]) => ({
    step,
    deadCodes: Math.round((1 - fraction) * codebookSize),
    perplexity: Number(perplexity.get(step)!.toFixed(2)),
    psnr: Number(psnr.get(step)!.toFixed(3)),
  }));
}
