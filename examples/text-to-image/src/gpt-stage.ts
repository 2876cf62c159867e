import { join } from 'node:path';
import { z } from 'zod';
import { terminalView } from '@vitvq/example-shared';
import type { CodeBatch } from '@vitvq/core';
import { trainWithView } from '@vitvq/run';
import { readTransformerWeights, TransformerEvaluator, createTransformerTrainer } from '@vitvq/stage2-trainer';
import { loadTransformer, saveTransformer, type LoadedTransformer } from '@vitvq/transformers/node';
import { openCodesOf } from './codes-stage.js';
import { batchSizesOf, createGPT, EVERY_SECONDS, gptPlan, keyOf } from './config.js';
import type { StageContext } from './stage-context.js';

export const gptSchema = z.strictObject({
  steps: z.int(),
  trainingSeconds: z.number(),
  parameterCount: z.int(),
  /** Of held-out images, given their captions. */
  natsPerToken: z.number(),
  /** Given the caption of another image. */
  otherCaptionNatsPerToken: z.number(),
  /** Given none. */
  noCaptionNatsPerToken: z.number(),
  /** Entropy of the frequencies of the same codes. */
  unigramNatsPerToken: z.number(),
});
export type GPTResult = z.output<typeof gptSchema>;

/** Codes one after the other, given the tokens of a caption; now and then without, for guidance. */
export async function trainGPT(context: StageContext): Promise<GPTResult> {
  const { settings, folder, signal, text } = context;
  const { conditioner } = text;
  const directory = folder.of('gpt');
  const { gpt, evaluation: evaluationBatch } = batchSizesOf(settings);
  const codes = await openCodesOf(context, 'train');
  const batchSize = Math.min(gpt, codes.length);
  const test = await openCodesOf(context, 'test');
  const openTest = (): AsyncIterable<CodeBatch> =>
    test.batches({ batchSize: evaluationBatch, lastBatch: 'pad', epochs: 1 });
  const model = createGPT(codes, conditioner, settings);
  const trainer = createTransformerTrainer({
    model,
    conditioner,
    config: gptPlan(settings),
    openBatches: (startAt) => codes.batches({ batchSize, shuffle: true, key: keyOf(settings, 'gptBatches'), startAt }),
    directory,
    checkpoint: { everySeconds: EVERY_SECONDS.checkpoint },
    evaluation: { openBatches: openTest, everySeconds: EVERY_SECONDS.evaluation },
  });
  const evaluator = new TransformerEvaluator({ model, conditioner });
  try {
    const { step, elapsedSeconds, evaluation } = await trainWithView(trainer, {
      directory,
      view: terminalView,
      signal,
      describe: ({ natsPerToken, unigramNatsPerToken }) =>
        `${natsPerToken.toFixed(3)} nats per token (unigram entropy ${unigramNatsPerToken.toFixed(3)})`,
    });
    model.loadVariables(await readTransformerWeights(directory));
    await saveTransformer(modelFolder(context), model, conditioner);
    const natsGiven = async (conditionsOf: (own: Int32Array, count: number) => Int32Array): Promise<number> =>
      (await evaluator.evaluate(withConditions(openTest(), conditionsOf))).natsPerToken;
    const { length, nullTokens } = conditioner;
    return {
      steps: step,
      trainingSeconds: elapsedSeconds,
      parameterCount: model.parameterCount(),
      natsPerToken: evaluation.natsPerToken,
      otherCaptionNatsPerToken: await natsGiven((own, count) => rotateRows(own, count, length)),
      noCaptionNatsPerToken: await natsGiven((own) => own.map((_, at) => nullTokens[at % length]!)),
      unigramNatsPerToken: evaluation.unigramNatsPerToken,
    };
  } finally {
    evaluator.dispose();
    model.dispose();
    await codes.close();
    await test.close();
  }
}

/** The GPT that the stage left, with its text tokenizer; the caller disposes of the model. */
export function readGPT(context: StageContext): Promise<LoadedTransformer> {
  return loadTransformer(modelFolder(context));
}

/**
 * Each of the first `count` rows in the place of the one before it, the first in that of the last.
 */
export function rotateRows(values: Int32Array, count: number, size: number): Int32Array {
  const rotated = values.slice();
  for (let row = 0; row < count; row++) {
    const from = ((row + 1) % count) * size;
    rotated.set(values.subarray(from, from + size), row * size);
  }
  return rotated;
}

async function* withConditions(
  batches: AsyncIterable<CodeBatch>,
  conditionsOf: (own: Int32Array, count: number) => Int32Array,
): AsyncGenerator<CodeBatch> {
  for await (const batch of batches) {
    yield { ...batch, conditions: conditionsOf(batch.conditions as Int32Array, batch.count ?? batch.shape[0]!) };
  }
}

function modelFolder({ folder }: StageContext): string {
  return join(folder.of('gpt'), 'model');
}
