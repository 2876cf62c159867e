import { join } from 'node:path';
import { createTransformerTrainer, readTransformerWeights } from '@vitvq/stage2-trainer';
import { createTransformer, type AnyConditioner, type AnyTransformer, type TransformerFit } from '@vitvq/transformers';
import { saveTransformer } from '@vitvq/transformers/node';
import { z } from 'zod';
import type { RunConditions } from '../conditions.js';
import type { ResolvedTransformerStage } from '../config/run-config.js';
import { keyOf } from '../keys.js';
import { loadConditioned, type OwnedTransformer } from '../load-conditioned.js';
import { modelFolder, type RunContext } from '../run-context.js';
import { trainWithView } from '../train-with-view.js';
import { openCodesOf } from './codes-stage.js';

/** What the training of a transformer came to. */
export const transformerResultSchema = z.strictObject({
  steps: z.int(),
  trainingSeconds: z.number(),
  parameterCount: z.int(),
  /** Of held-out images, given their condition; mean over positions and levels. */
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

/** Result of the transformer's stage. */
export type TransformerResult = z.output<typeof transformerResultSchema>;

/** Returns the transformer as its training begins: the same seed gives the same weights. */
export function createUntrained(
  { model }: Pick<ResolvedTransformerStage, 'model'>,
  { vocabSize, grid, codeDepth }: Pick<TransformerFit, 'vocabSize' | 'grid' | 'codeDepth'>,
  conditioner: AnyConditioner,
  seed: number,
): AnyTransformer {
  return createTransformer(model, {
    vocabSize,
    grid,
    codeDepth,
    ...conditionFitOf(conditioner),
    key: keyOf(seed, 'transformer'),
  });
}

/** Returns what a transformer must be to take the conditions of a conditioner. */
export function conditionFitOf(
  conditioner: AnyConditioner,
): Pick<TransformerFit, 'conditionVocabSize' | 'conditionLength'> {
  const { length: conditionLength } = conditioner;
  return { conditionLength, ...('vocabSize' in conditioner && { conditionVocabSize: conditioner.vocabSize }) };
}

/**
 * Trains the transformer: codes one after the other, given the class (arXiv:2110.04627, stage 2);
 * now and then without it, for guidance. Residual codes position after position, and level after
 * level in each (Lee et al. 2022).
 */
export async function trainTransformer(
  context: RunContext,
  stage: ResolvedTransformerStage,
  { conditioner }: RunConditions,
): Promise<TransformerResult> {
  const { config, images, folder, view, signal } = context;
  const { seed, precision } = config;
  const { batchSize, evaluation, checkpoint, ...learning } = stage.training;
  const directory = folder.of('transformer');
  const codes = await openCodesOf(context, 'train');
  const validation = await openCodesOf(context, 'validation');
  const { images: _measured, batchSize: evaluationBatch, ...measuring } = evaluation;
  const model = createUntrained(stage, codes, conditioner, seed);
  try {
    view.log(`  ${model.parameterCount()} weights, codes of ${codes.length} images`);
    const batches = {
      batchSize: Math.min(batchSize, codes.length),
      shuffle: true,
      key: keyOf(seed, 'transformerBatches'),
    };
    const trainer = createTransformerTrainer({
      model,
      conditioner,
      config: { ...learning, seed, precision },
      openBatches: (startAt) => codes.batches({ ...batches, startAt }),
      directory,
      checkpoint,
      evaluation: {
        ...measuring,
        openBatches: () => validation.batches({ batchSize: evaluationBatch, lastBatch: 'pad', epochs: 1 }),
      },
    });
    const {
      step,
      elapsedSeconds,
      evaluation: measured,
    } = await trainWithView(trainer, {
      directory,
      view,
      signal,
      describe: ({ natsPerToken, unigramNatsPerToken }) =>
        `${natsPerToken.toFixed(3)} nats per token (unigram entropy ${unigramNatsPerToken.toFixed(3)})`,
    });
    const { natsPerToken, unigramNatsPerToken, unigramNatsOfLevels, usageOfLevels } = measured;
    model.loadVariables(await readTransformerWeights(directory));
    await saveTransformer(join(directory, modelFolder), model, conditioner, {
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

/** The transformer that the stage left; the caller disposes of it. */
export function openTransformer({ folder, config }: Pick<RunContext, 'folder' | 'config'>): Promise<OwnedTransformer> {
  return loadConditioned(join(folder.of('transformer'), modelFolder), config);
}
