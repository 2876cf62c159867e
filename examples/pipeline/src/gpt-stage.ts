import { join } from 'node:path';
import { z } from 'zod';
import { trainWithProgress } from '@vitvq/example-shared';
import { DataError } from '@vitvq/core';
import { readTransformerWeights, createTransformerTrainer } from '@vitvq/stage2-trainer';
import { ClassConditioner } from '@vitvq/transformers';
import { loadTransformer, saveTransformer, type LoadedTransformer } from '@vitvq/transformers/node';
import { openCodesOf } from './codes-stage.js';
import { batchSizesOf, createTransformer, EVERY_SECONDS, keyOf, transformerPlan } from './config.js';
import type { StageContext } from './stage-context.js';
import { MODEL_FOLDER } from './tokenizer-stage.js';

export const transformerSchema = z.strictObject({
  steps: z.int(),
  trainingSeconds: z.number(),
  parameterCount: z.int(),
  /** Of held-out images, given their class; mean over positions and levels. */
  validationNatsPerToken: z.number(),
  /** Entropy of the frequencies of the same codes, mean over levels. */
  unigramNatsPerToken: z.number(),
  /** Of the same codes, level by level; one where a position has one code. */
  levels: z.array(
    z.strictObject({
      unigramNats: z.number(),
      /** Fraction of the codebook that occurs. */
      usage: z.number(),
    }),
  ),
});
export type TransformerResult = z.output<typeof transformerSchema>;

/**
 * Codes one after the other, given the class (arXiv:2110.04627, stage 2); now and then without it,
 * for guidance. Residual codes position after position, and level after level in each (Lee et al.
 * 2022).
 */
export async function trainTransformer(context: StageContext): Promise<TransformerResult> {
  const { settings, images, folder, signal } = context;
  const directory = folder.of('gpt');
  const { gpt: batchSize, evaluation: evaluationBatch } = batchSizesOf(settings);
  const { classNames } = images.train;
  const conditioner = new ClassConditioner({ classCount: classNames.length, classNames });
  const codes = await openCodesOf(context, 'train');
  const validation = await openCodesOf(context, 'validation');
  const openValidation = () => validation.batches({ batchSize: evaluationBatch, lastBatch: 'pad', epochs: 1 });
  const model = createTransformer(codes, conditioner.vocabSize, settings);
  const trainer = createTransformerTrainer({
    model,
    conditioner,
    config: transformerPlan(settings),
    openBatches: (startAt) => codes.batches({ batchSize, shuffle: true, key: keyOf(settings, 'gptBatches'), startAt }),
    directory,
    checkpoint: { everySeconds: EVERY_SECONDS.checkpoint },
    evaluation: { openBatches: openValidation, everySeconds: EVERY_SECONDS.evaluation },
  });
  try {
    const { step, elapsedSeconds, evaluation } = await trainWithProgress(trainer, {
      directory,
      signal,
      describe: ({ natsPerToken, unigramNatsPerToken }) =>
        `${natsPerToken.toFixed(3)} nats per token (unigram entropy ${unigramNatsPerToken.toFixed(3)})`,
    });
    const { natsPerToken, unigramNatsPerToken, unigramNatsOfLevels, usageOfLevels } = evaluation;
    model.loadVariables(await readTransformerWeights(directory));
    await saveTransformer(join(directory, MODEL_FOLDER), model, conditioner, {
      metadata: { trainedOn: images.train.name, steps: String(step), natsPerToken: natsPerToken.toFixed(3) },
    });
    return {
      steps: step,
      trainingSeconds: elapsedSeconds,
      parameterCount: model.parameterCount(),
      validationNatsPerToken: natsPerToken,
      unigramNatsPerToken,
      levels: unigramNatsOfLevels.map((unigramNats, level) => ({ unigramNats, usage: usageOfLevels[level]! })),
    };
  } finally {
    model.dispose();
    await codes.close();
    await validation.close();
  }
}

/** The transformer that the stage left, with its classes; the caller disposes of it. */
export async function openTransformer({
  folder,
}: StageContext): Promise<LoadedTransformer & { readonly conditioner: ClassConditioner }> {
  const directory = join(folder.of('gpt'), MODEL_FOLDER);
  const { conditioner, ...loaded } = await loadTransformer(directory);
  if (conditioner instanceof ClassConditioner) return { ...loaded, conditioner };
  loaded.model.dispose();
  throw new DataError({
    where: directory,
    expected: 'a model of classes',
    got: JSON.stringify(conditioner.description),
  });
}
