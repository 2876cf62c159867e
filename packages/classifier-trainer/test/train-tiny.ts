import { createClassifier, type ViTClassifier, type ViTClassifierConfig } from '@vitvq/classifier';
import { stepReports, tinyImageBatches } from '@vitvq/test-models';
import type { StepReport } from '@vitvq/training';
import { createClassifierTrainer, type ClassifierTrainerOptions, type ClassifierTrainingConfig } from '../src/index.js';

/** A config for the images of `tinyImageBatches`, which are of three classes. */
export const tinyClassifier: ViTClassifierConfig = {
  imageSize: [4, 6],
  patchSize: 2,
  dim: 8,
  depth: 1,
  numHeads: 2,
  mlpDim: 16,
  classes: 3,
};

/** Returns the config of a training of six steps. */
export function tinyTraining(changes: Partial<ClassifierTrainingConfig> = {}): ClassifierTrainingConfig {
  return {
    duration: { steps: 6 },
    learningRate: { peak: 1e-2, end: 1e-3, warmup: 0 },
    optimizer: { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.01 },
    clipNorm: 1,
    seed: 4,
    ...changes,
  };
}

/** Returns two batches of four images of three classes in turn. */
export function fullBatches(startAt: number): ReturnType<ClassifierTrainerOptions['openBatches']> {
  let position = startAt;
  return {
    fingerprint: 'tiny images',
    // The third one has padding.
    next: () => tinyImageBatches(position++ % 2).next(),
    close: () => undefined,
  };
}

/** Trains, and says what the steps were; with `restore`, goes on with what the directory holds. */
export async function train(
  options: Partial<ClassifierTrainerOptions> & { readonly classifier?: ViTClassifier } = {},
  { restore = false, stopAfter = Infinity } = {},
): Promise<{ reports: StepReport[]; classifier: ViTClassifier }> {
  const classifier = options.classifier ?? createClassifier(tinyClassifier, { seed: 1 });
  const trainer = createClassifierTrainer({
    config: tinyTraining(),
    openBatches: fullBatches,
    tensorBoard: false,
    modelConfig: classifier.config,
    ...options,
    classifier,
  });
  if (restore) await trainer.restore(options.directory!);
  return { reports: await stepReports(trainer, stopAfter), classifier };
}
