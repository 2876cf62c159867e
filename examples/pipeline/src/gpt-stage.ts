import { ClassConditioner, readTransformerWeights, Stage2Trainer, type GPT } from '@vitvq/stage2';
import type { Tokenizer } from '@vitvq/core';
import { z } from 'zod';
import { openCodesOf } from './codes-stage.js';
import { batchSizesOf, createGPT, EVERY_SECONDS, gptPlan, keyOf } from './config.js';
import { train, type StageContext } from './stage-context.js';

export const gptSchema = z.strictObject({
  steps: z.int(),
  trainingSeconds: z.number(),
  parameterCount: z.int(),
  /** Of held-out images, given their class. */
  validationNatsPerToken: z.number(),
  /** Entropy of the frequencies of the same codes. */
  unigramNatsPerToken: z.number(),
});
export type GPTResult = z.output<typeof gptSchema>;

export function classesOf({ images }: StageContext): ClassConditioner {
  return new ClassConditioner({ classCount: images.train.classes.length });
}

/** Codes one after the other, given the class (arXiv:2110.04627, stage 2); now and then without it, for guidance. */
export async function trainGPT(context: StageContext): Promise<GPTResult> {
  const { settings, folder, signal } = context;
  const directory = folder.of('gpt');
  const { gpt: batchSize, evaluation: evaluationBatch } = batchSizesOf(settings);
  const conditioner = classesOf(context);
  const codes = await openCodesOf(context, 'train');
  const validation = await openCodesOf(context, 'validation');
  const model = createGPT(codes, conditioner.vocabSize, settings);
  const trainer = new Stage2Trainer({
    model,
    conditioner,
    plan: gptPlan(settings),
    openBatches: (startAt) => codes.batches({ batchSize, shuffle: true, key: keyOf(settings, 'gptBatches'), startAt }),
    directory,
    checkpoint: { everySeconds: EVERY_SECONDS.checkpoint },
    evaluation: {
      openBatches: () => validation.batches({ batchSize: evaluationBatch, lastBatch: 'pad', epochs: 1 }),
      everySeconds: EVERY_SECONDS.evaluation,
    },
  });
  try {
    const { step, elapsedSeconds, evaluation } = await train(
      trainer,
      directory,
      signal,
      ({ natsPerToken, unigramNatsPerToken }) =>
        `${natsPerToken.toFixed(3)} nats per token (unigram entropy ${unigramNatsPerToken.toFixed(3)})`,
    );
    return {
      steps: step,
      trainingSeconds: elapsedSeconds,
      parameterCount: model.parameterCount(),
      validationNatsPerToken: evaluation.natsPerToken,
      unigramNatsPerToken: evaluation.unigramNatsPerToken,
    };
  } finally {
    model.dispose();
    await codes.close();
    await validation.close();
  }
}

/** The GPT that the stage left; the caller disposes of it. */
export async function loadGPT(context: StageContext, tokenizer: Pick<Tokenizer, 'vocabSize' | 'grid'>): Promise<GPT> {
  const { settings, folder } = context;
  const model = createGPT(tokenizer, classesOf(context).vocabSize, settings);
  model.loadVariables(await readTransformerWeights(folder.of('gpt')));
  return model;
}
