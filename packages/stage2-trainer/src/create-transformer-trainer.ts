import {
  checkOptions,
  parseOptions,
  type BatchSource,
  type ImageOrCodeBatch,
  type OptionTable,
  type Tokenizer,
} from '@vitvq/core';
import {
  intervalOptionNames,
  previewScheduleNames,
  runOptionNames,
  Trainer,
  type IntervalOptions,
  type LossTerms,
  type PreviewSchedule,
  type RunOptions,
} from '@vitvq/training';
import type { AnyConditioner, AnyTokenModel } from '@vitvq/transformers';
import { transformerTrainingSchema, type TransformerTrainingConfig } from './config.js';
import type { TransformerEvaluation, TransformerPreview } from './events.js';
import type { SamplePreviewOptions } from './internal/sample-previews.js';
import { TransformerTask } from './internal/transformer-task.js';
import type { TransformerLossInputs } from './loss-terms.js';

/**
 * Training images (`createBatches` of @vitvq/data) or codes (`openCodes`). It must not end before
 * the training does.
 */
export type TransformerBatchSource = BatchSource<ImageOrCodeBatch>;

/** Options of {@link createTransformerTrainer}. */
export interface TransformerTrainerOptions extends Omit<RunOptions<ImageOrCodeBatch>, 'evaluation' | 'preview'> {
  /** A model of any kind; its dropout is used. */
  readonly model: AnyTokenModel;
  readonly config: TransformerTrainingConfig;
  /**
   * Terms of the caller beside the built-in ones, by name. A term is logged, charted and evaluated
   * like the others; resuming compares names and weights.
   * @default {}
   */
  readonly losses?: LossTerms<TransformerLossInputs>;
  /**
   * Frozen tokenizer for batches of images, which are augmented before they are encoded
   * (arXiv:2110.04627, sec. 4.2), and for decoding previews.
   */
  readonly tokenizer?: Tokenizer;
  /** A conditioner that embeds is trained with the model. @default none: an `Unconditional` */
  readonly conditioner?: AnyConditioner;
  /** Held-out images or codes, and how often to measure on them, besides the end. */
  readonly evaluation?: IntervalOptions & {
    /** Opens them from the first batch on; they must end. */
    readonly openBatches: () => AsyncIterable<ImageOrCodeBatch> | Iterable<ImageOrCodeBatch>;
  };
  /** What to sample, and when: often at first. */
  readonly preview?: PreviewSchedule & SamplePreviewOptions;
  /** JSON that must be the same when the run is resumed, such as the config of the model. */
  readonly modelConfig?: unknown;
}

const transformerTrainerOptionNames: OptionTable<TransformerTrainerOptions> = {
  ...runOptionNames,
  model: 'required',
  config: 'required',
  losses: 'optional',
  tokenizer: 'optional',
  conditioner: 'optional',
  evaluation: 'optional',
  preview: 'optional',
  modelConfig: 'optional',
};

const evaluationOptionNames: OptionTable<NonNullable<TransformerTrainerOptions['evaluation']>> = {
  ...intervalOptionNames,
  openBatches: 'required',
};

const previewOptionNames: OptionTable<NonNullable<TransformerTrainerOptions['preview']>> = {
  ...previewScheduleNames,
  temperature: 'optional',
  topK: 'optional',
  topP: 'optional',
  count: 'optional',
  conditions: 'optional',
  guidanceScale: 'optional',
  seed: 'optional',
};

/** Trainer of a transformer. */
export type TransformerTrainer = Trainer<ImageOrCodeBatch, TransformerEvaluation, TransformerPreview>;

/**
 * Creates the training of a transformer over image tokens: conditions and tokens of a batch,
 * cross-entropy of what the model predicts with dropout, update. Dropout, dropped conditions and
 * what the objective draws (unknown tokens, random orders) are functions of the config's seed and
 * the number of the step, so that a resumed run goes on bit for bit.
 *
 * With `accumulate` the conditions that are dropped are those of the whole batch; dropout is drawn
 * for each part.
 *
 * Ownership: the trainer disposes of its optimizer, EMA and compiled functions, never of model,
 * tokenizer and conditioner.
 * @throws {ConfigError} naming every problem of the config at once, and for tokenizers and
 *   conditioners that do not fit
 */
export function createTransformerTrainer(given: TransformerTrainerOptions): TransformerTrainer {
  const where = 'createTransformerTrainer';
  checkOptions(given, transformerTrainerOptionNames, where);
  const { evaluation, preview, ...options } = given;
  if (evaluation !== undefined) checkOptions(evaluation, evaluationOptionNames, `${where} evaluation`);
  if (preview !== undefined) checkOptions(preview, previewOptionNames, `${where} preview`);
  const config = parseOptions(transformerTrainingSchema, options.config, 'createTransformerTrainer config');
  const task = new TransformerTask({ ...options, config, evaluation, preview });
  const { duration, nonFinite } = config;
  return new Trainer({ ...options, evaluation, preview, task, duration, nonFinite });
}
