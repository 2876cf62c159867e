import { classGPT, everywhere, stepReports, tinyCodeBatches, tinyTransformerTraining } from '@vitvq/test-models';
import type { StepReport } from '@vitvq/training';
import { ClassConditioner, type AnyTokenModel, type AutoregressiveModel } from '@vitvq/transformers';
import { createTransformerTrainer, type TransformerTrainerOptions } from '../src/index.js';

export const conditioner = new ClassConditioner({ classCount: 3 });

/** Trains, and says what the steps were; with `restore`, goes on with what the directory holds. */
export async function train<M extends AnyTokenModel = AutoregressiveModel>(
  options: Partial<TransformerTrainerOptions> & { readonly model?: M } = {},
  { restore = false, stopAfter = Infinity } = {},
): Promise<{ reports: StepReport[]; model: M }> {
  const model = options.model ?? (classGPT({ dropout: everywhere }) as AnyTokenModel as M);
  const trainer = createTransformerTrainer({
    model,
    config: tinyTransformerTraining(),
    conditioner,
    openBatches: (startAt) => tinyCodeBatches(startAt),
    tensorBoard: false,
    ...options,
  });
  if (restore) await trainer.restore(options.directory!);
  return { reports: await stepReports(trainer, stopAfter), model };
}
