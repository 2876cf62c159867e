import { checkOptions, parseOptions, type ImageBatch, type ImageClassifier, type OptionTable } from '@vitvq/core';
import { intervalOptionNames, runOptionNames, Trainer, type IntervalOptions, type RunOptions } from '@vitvq/training';
import { classifierTrainingSchema, type ClassifierTrainingConfig } from './config.js';
import type { ClassifierEvaluation } from './events.js';
import { ClassifierTask } from './internal/classifier-task.js';

/** Options of {@link createClassifierTrainer}. */
export interface ClassifierTrainerOptions extends Omit<RunOptions<ImageBatch>, 'evaluation' | 'preview'> {
  /** A `ViTClassifier` of @vitvq/classifier, or any other classifier of plain tensor code. */
  readonly classifier: ImageClassifier;
  readonly config: ClassifierTrainingConfig;
  /** Held-out images, and how often to measure on them, besides the end. */
  readonly evaluation?: IntervalOptions & {
    /** Opens them from the first batch on; they must end. */
    readonly openBatches: () => AsyncIterable<ImageBatch> | Iterable<ImageBatch>;
  };
  /** JSON that must be the same when the run is resumed, such as the config of the classifier. */
  readonly modelConfig?: unknown;
}

const classifierTrainerOptionNames: OptionTable<ClassifierTrainerOptions> = {
  ...runOptionNames,
  classifier: 'required',
  config: 'required',
  evaluation: 'optional',
  modelConfig: 'optional',
};

const evaluationOptionNames: OptionTable<NonNullable<ClassifierTrainerOptions['evaluation']>> = {
  ...intervalOptionNames,
  openBatches: 'required',
};

/** Trainer of a classifier. It draws no previews. */
export type ClassifierTrainer = Trainer<ImageBatch, ClassifierEvaluation, never>;

/**
 * Creates the training of a classifier on labelled images: cross-entropy with label smoothing,
 * update, EMA. Augmentation belongs to the batches (`augment` of `createBatches` of @vitvq/data). A
 * resumed run goes on bit for bit.
 *
 * Ownership: the trainer disposes of its optimizer, EMA and compiled functions, never of the
 * classifier.
 * @throws {ConfigError} naming every problem of the config at once
 */
export function createClassifierTrainer(given: ClassifierTrainerOptions): ClassifierTrainer {
  const where = 'createClassifierTrainer';
  checkOptions(given, classifierTrainerOptionNames, where);
  const { evaluation, ...options } = given;
  if (evaluation !== undefined) checkOptions(evaluation, evaluationOptionNames, `${where} evaluation`);
  const config = parseOptions(classifierTrainingSchema, options.config, `${where} config`);
  const task = new ClassifierTask({ ...options, config, evaluation });
  const { duration, nonFinite } = config;
  return new Trainer({ ...options, evaluation, task, duration, nonFinite });
}
