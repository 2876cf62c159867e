import { join } from 'node:path';
import { elementCount, type ImageBatch } from '@vitvq/core';
import { trainWithView } from '@vitvq/run';
import {
  createTransformerTrainer,
  readConditionerWeights,
  readTransformerWeights,
  TransformerEvaluator,
  type TransformerBatchSource,
  type TransformerTrainingConfig,
} from '@vitvq/stage2-trainer';
import type { VQTokenizer } from '@vitvq/tokenizer';
import type { EmbeddingConditioner, GPT } from '@vitvq/transformers';
import { saveTransformer } from '@vitvq/transformers/node';
import { z } from 'zod';
import { terminalView } from '../terminal-view.js';
import type { ImageConditioner } from './image-conditioner.js';
import { EVERY_SECONDS } from './plan.js';

/** What the training of a transformer from image to image came to. */
export const imageTransformerSchema = z.strictObject({
  steps: z.int(),
  trainingSeconds: z.number(),
  parameterCount: z.int(),
  /** Of test images, given their own conditions. */
  natsPerToken: z.number(),
  /** Given the condition of another image. */
  otherConditionNatsPerToken: z.number(),
  /** Given none. */
  noConditionNatsPerToken: z.number(),
  /** Entropy of the frequencies of the same codes. */
  unigramNatsPerToken: z.number(),
});

/** Result of {@link trainImageTransformer}. */
export type ImageTransformerResult = z.output<typeof imageTransformerSchema>;

/** Options of {@link trainImageTransformer}. */
export interface ImageTransformerOptions {
  /** Folder of checkpoints and of the model folder `model`. */
  readonly directory: string;
  readonly model: GPT;
  readonly conditioner: ImageConditioner;
  /** Frozen. */
  readonly tokenizer: VQTokenizer;
  readonly config: TransformerTrainingConfig;
  readonly openTraining: (startAt: number) => TransformerBatchSource;
  /** Opens test images in batches that may be padded. */
  readonly openTest: () => AsyncIterable<ImageBatch>;
  readonly signal: AbortSignal;
}

/**
 * Trains a transformer to draw the codes of images that belong to other images, now and then
 * without a condition, and saves it with its conditioner. Goes on with what the folder holds.
 * Measures what the condition tells it: the likelihood of test images under their own conditions,
 * under those of other images, and without any.
 */
export async function trainImageTransformer({
  directory,
  model,
  conditioner,
  tokenizer,
  config,
  openTraining,
  openTest,
  signal,
}: ImageTransformerOptions): Promise<ImageTransformerResult> {
  const trainer = createTransformerTrainer({
    model,
    conditioner,
    tokenizer,
    config,
    openBatches: openTraining,
    directory,
    checkpoint: { everySeconds: EVERY_SECONDS.checkpoint },
    evaluation: { openBatches: openTest, everySeconds: EVERY_SECONDS.evaluation },
  });
  const { step, elapsedSeconds, evaluation } = await trainWithView(trainer, {
    directory,
    view: terminalView,
    signal,
    describe: ({ natsPerToken, unigramNatsPerToken }) =>
      `${natsPerToken.toFixed(3)} nats per token (unigram entropy ${unigramNatsPerToken.toFixed(3)})`,
  });
  model.loadVariables(await readTransformerWeights(directory));
  conditioner.loadVariables(await readConditionerWeights(directory));
  await saveTransformer(join(directory, 'model'), model, conditioner);
  const size = elementCount(conditioner.inputShape);
  const { nullInput } = conditioner;
  const natsGiven = async (conditionsOf: (own: Float32Array) => Float32Array): Promise<number> => {
    const evaluator = new TransformerEvaluator({
      model,
      conditioner: withOtherConditions(conditioner, conditionsOf),
      tokenizer,
    });
    try {
      return (await evaluator.evaluate(openTest())).natsPerToken;
    } finally {
      evaluator.dispose();
    }
  };
  return {
    steps: step,
    trainingSeconds: elapsedSeconds,
    parameterCount: model.parameterCount(),
    natsPerToken: evaluation.natsPerToken,
    otherConditionNatsPerToken: await natsGiven((own) => rotated(own, size)),
    noConditionNatsPerToken: await natsGiven((own) => own.map((_, at) => nullInput[at % size]!)),
    unigramNatsPerToken: evaluation.unigramNatsPerToken,
  };
}

/** Returns a conditioner with the same weights that gives other conditions. */
function withOtherConditions(
  conditioner: ImageConditioner,
  conditionsOf: (own: Float32Array) => Float32Array,
): EmbeddingConditioner {
  const { length, dim, inputShape, nullInput, description } = conditioner;
  return {
    ...{ length, dim, inputShape, nullInput, description },
    ofBatch: (batch) => conditionsOf(conditioner.ofBatch(batch)),
    embed: (input) => conditioner.embed(input),
    namedVariables: () => conditioner.namedVariables(),
  };
}

/** Returns each row in the place of the one before it, the first in that of the last. */
function rotated(values: Float32Array, size: number): Float32Array {
  const result = new Float32Array(values.length);
  result.set(values.subarray(size));
  result.set(values.subarray(0, size), values.length - size);
  return result;
}
