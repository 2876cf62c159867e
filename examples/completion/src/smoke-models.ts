import { join } from 'node:path';
import { foldIn, randomKey } from '@vitvq/core';
import { createBatches, type BatchStream } from '@vitvq/data';
import { MADE_UP_CLASSES, madeUpImages } from '@vitvq/example-shared';
import { createTokenizerTrainer } from '@vitvq/stage1-trainer';
import { createTransformerTrainer } from '@vitvq/stage2-trainer';
import { createTokenizer } from '@vitvq/tokenizer';
import { saveTokenizer } from '@vitvq/tokenizer/node';
import { ClassConditioner, GPT } from '@vitvq/transformers';
import { saveTransformer } from '@vitvq/transformers/node';
import { MODEL_FOLDERS, SMOKE, SMOKE_PLANS, SMOKE_TOKENIZER, SMOKE_TRANSFORMER } from './config.js';

/**
 * Trains tiny models for a few steps and leaves them where a run of the pipeline leaves its own.
 */
export async function makeSmokeModels(run: string, seed: number): Promise<void> {
  const { batchSize, imageSize, trainImages } = SMOKE;
  const source = madeUpImages({ count: trainImages, imageSize });
  const openBatches = (startAt: number): BatchStream => createBatches(source, { batchSize, imageSize, startAt });
  const tokenizer = createTokenizer(SMOKE_TOKENIZER, { seed });
  const conditioner = new ClassConditioner({ classCount: MADE_UP_CLASSES.length, classNames: MADE_UP_CLASSES });
  const { vocabSize, grid } = tokenizer;
  const sizes = { ...SMOKE_TRANSFORMER, vocabSize, grid, conditionVocabSize: conditioner.vocabSize };
  const model = new GPT({ ...sizes, key: foldIn(randomKey(seed), 1) });
  try {
    const first = createTokenizerTrainer({ tokenizer, config: SMOKE_PLANS.tokenizer, openBatches });
    await first.run().finally(() => first.dispose());
    await saveTokenizer(join(run, MODEL_FOLDERS.tokenizer), tokenizer, SMOKE_TOKENIZER);
    const config = SMOKE_PLANS.transformer;
    const second = createTransformerTrainer({ model, conditioner, tokenizer, config, openBatches });
    await second.run().finally(() => second.dispose());
    await saveTransformer(join(run, MODEL_FOLDERS.transformer), model, conditioner);
  } finally {
    model.dispose();
    tokenizer.dispose();
  }
}
