import { join } from 'node:path';
import { createClassifier } from '@vitvq/classifier';
import { saveClassifier } from '@vitvq/classifier/node';
import { createClassifierTrainer, readClassifierWeights } from '@vitvq/classifier-trainer';
import { formatPercent } from '@vitvq/core';
import { createBatches } from '@vitvq/data';
import { z } from 'zod';
import type { ResolvedClassifierRunConfig } from '../config/classifier-run-config.js';
import { keyOf } from '../keys.js';
import { classifierStage, modelFolder } from '../run-context.js';
import type { RunFolder } from '../run-folder.js';
import { someOf, type LearnedImages } from '../run-images.js';
import type { RunView } from '../run-progress.js';
import { trainWithView } from '../train-with-view.js';

const fraction = z.number().min(0).max(1);

/** What the training of a classifier came to. */
export const classifierResultSchema = z.strictObject({
  steps: z.int(),
  trainingSeconds: z.number(),
  imagesPerSecond: z.number(),
  parameterCount: z.int(),
  /** Number of held-out images that the figures below are of. */
  heldOutImages: z.int(),
  /** Fraction of held-out images whose class has the highest logit. */
  top1: fraction,
  /** 95 % confidence interval of `top1`. */
  top1Interval: z.strictObject({ low: fraction, high: fraction }),
  /** Fraction of held-out images whose class is among the five with the highest logits. */
  top5: fraction,
  /** Mean cross-entropy of held-out images in nats, without label smoothing. */
  crossEntropy: z.number(),
  /** `[K][K]`: number of images of the row's class that were classified as the column's. */
  confusion: z.array(z.array(z.int())),
});

/** Result of the classifier's stage. */
export type ClassifierResult = z.output<typeof classifierResultSchema>;

/** What the stage of a classifier works with. */
export interface ClassifierContext {
  readonly config: ResolvedClassifierRunConfig;
  readonly folder: RunFolder<typeof classifierStage>;
  readonly images: LearnedImages;
  readonly view: RunView;
  readonly signal: AbortSignal;
}

/** Trains the classifier on the classes of the images (ViT, arXiv:2010.11929). */
export async function trainClassifier({
  config,
  folder,
  images,
  view,
  signal,
}: ClassifierContext): Promise<ClassifierResult> {
  const { seed, precision, classifier: stage } = config;
  const { batchSize, evaluation, checkpoint, images: shown, ...learning } = stage.training;
  const directory = folder.of(classifierStage);
  const { classNames } = images.train;
  const classifier = createClassifier({ ...stage.model, classes: classNames.length, classNames }, { seed });
  try {
    const heldOut = someOf(images.validation, evaluation.images);
    view.log(`  ${classifier.parameterCount()} weights, ${classNames.length} classes`);
    view.log(`  ${images.train.length} images of ${images.train.name}, ${heldOut.length} to measure on`);
    const { imageSize } = stage.model;
    const { onSkip } = images;
    const { images: _measured, batchSize: evaluationBatch, ...measuring } = evaluation;
    const trainer = createClassifierTrainer({
      classifier,
      config: { ...learning, seed, precision },
      openBatches: (startAt) =>
        createBatches(images.train, {
          batchSize: Math.min(batchSize, images.train.length),
          imageSize,
          resizeTo: shown.resizeTo,
          ...(shown.augment ? { augment: shown.augment } : { crop: shown.crop, flip: shown.flip }),
          shuffle: true,
          key: keyOf(seed, 'classifierBatches'),
          onSkip,
          startAt,
        }),
      directory,
      checkpoint,
      evaluation: {
        ...measuring,
        openBatches: () =>
          createBatches(heldOut, { batchSize: evaluationBatch, imageSize, lastBatch: 'pad', epochs: 1, onSkip }),
      },
      modelConfig: classifier.config,
    });
    const summary = await trainWithView(trainer, {
      directory,
      view,
      signal,
      show: ['loss', 'top1'],
      describe: ({ top1, top5 }) => `top-1 ${formatPercent(top1)}, top-5 ${formatPercent(top5)}`,
    });
    const { count, top1, interval, top5, crossEntropy, confusion } = summary.evaluation;
    classifier.loadVariables(await readClassifierWeights(directory));
    await saveClassifier(join(directory, modelFolder), classifier, {
      metadata: { trainedOn: images.train.name, steps: String(summary.step), top1: top1.toFixed(4) },
    });
    return {
      steps: summary.step,
      trainingSeconds: summary.elapsedSeconds,
      imagesPerSecond: summary.examplesPerSecond,
      parameterCount: classifier.parameterCount(),
      heldOutImages: count,
      top1,
      top1Interval: interval,
      top5,
      crossEntropy,
      confusion: confusion.map((row) => [...row]),
    };
  } finally {
    classifier.dispose();
  }
}
