import {
  checkOptions,
  parseOptions,
  type BatchSource,
  type HostImages,
  type ImageBatch,
  type OptionTable,
  type PerceptualLoss,
} from '@vitvq/core';
import type { VQTokenizer } from '@vitvq/tokenizer';
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
import type { AlignmentFeatures } from './alignment.js';
import { tokenizerTrainingSchema, type TokenizerTrainingConfig } from './config.js';
import type { TokenizerEvaluation, TokenizerPreview } from './events.js';
import type { AdversarialParts } from './internal/adversary.js';
import { TokenizerTask } from './internal/tokenizer-task.js';
import type { TokenizerLossInputs } from './loss-terms.js';

/**
 * Training images; `createBatches` of @vitvq/data makes one. It must not end before the training
 * does.
 */
export type ImageBatchSource = BatchSource<ImageBatch>;

/** Options of {@link createTokenizerTrainer}. */
export interface TokenizerTrainerOptions extends Omit<RunOptions<ImageBatch>, 'evaluation' | 'preview'> {
  readonly tokenizer: VQTokenizer;
  readonly config: TokenizerTrainingConfig;
  /**
   * Terms of the caller beside the built-in ones, by name. A term is logged, charted and evaluated
   * like the others; resuming compares names and weights.
   * @default {}
   */
  readonly losses?: LossTerms<TokenizerLossInputs>;
  /**
   * For a weight `losses.perceptual` above 0, and measured in evaluations; an `LPIPS` of
   * @vitvq/losses is one.
   */
  readonly perceptual?: PerceptualLoss;
  /**
   * For a weight `losses.adversarial` above 0; without it, `config.discriminator.model` is created
   * by name.
   */
  readonly adversarial?: AdversarialParts;
  /**
   * Features of a frozen network for a weight `losses.alignment` above 0. A projector from latents
   * to features is drawn from the seed, trained with the tokenizer and kept in checkpoints.
   */
  readonly alignment?: AlignmentFeatures;
  /** Held-out images, and how often to measure on them, besides the end. */
  readonly evaluation?: IntervalOptions & {
    readonly images: HostImages;
    /** Number of images that are measured at once; it does not change the results. @default 64 */
    readonly batchSize?: number;
  };
  /** A few fixed images, and when to reconstruct them: often at first. */
  readonly preview?: PreviewSchedule & { readonly images: HostImages };
  /** JSON that must be the same when the run is resumed, such as the config of the model. */
  readonly modelConfig?: unknown;
}

const tokenizerTrainerOptionNames: OptionTable<TokenizerTrainerOptions> = {
  ...runOptionNames,
  tokenizer: 'required',
  config: 'required',
  losses: 'optional',
  perceptual: 'optional',
  adversarial: 'optional',
  alignment: 'optional',
  evaluation: 'optional',
  preview: 'optional',
  modelConfig: 'optional',
};

const evaluationOptionNames: OptionTable<NonNullable<TokenizerTrainerOptions['evaluation']>> = {
  ...intervalOptionNames,
  images: 'required',
  batchSize: 'optional',
};

const previewOptionNames: OptionTable<NonNullable<TokenizerTrainerOptions['preview']>> = {
  ...previewScheduleNames,
  images: 'required',
};

/** Trainer of a tokenizer. */
export type TokenizerTrainer = Trainer<ImageBatch, TokenizerEvaluation, TokenizerPreview>;

/**
 * Creates the training of a tokenizer: for each batch the autoencoder's step, then the
 * discriminator's on reconstructions of the updated autoencoder, then the codebook's reset where it
 * is due.
 *
 * Ownership: the trainer disposes of its optimizers, EMA, compiled functions and of a discriminator
 * that it created by name, never of networks that it was given.
 * @throws {ConfigError} naming every problem of the config at once, and for parts that are missing
 *   or do not fit
 */
export function createTokenizerTrainer(given: TokenizerTrainerOptions): TokenizerTrainer {
  const where = 'createTokenizerTrainer';
  checkOptions(given, tokenizerTrainerOptionNames, where);
  const { evaluation, preview, ...options } = given;
  if (evaluation !== undefined) checkOptions(evaluation, evaluationOptionNames, `${where} evaluation`);
  if (preview !== undefined) checkOptions(preview, previewOptionNames, `${where} preview`);
  const config = parseOptions(tokenizerTrainingSchema, options.config, 'createTokenizerTrainer config');
  const task = new TokenizerTask({ ...options, config, evaluation, preview });
  const { duration, nonFinite } = config;
  return new Trainer({ ...options, evaluation, preview, task, duration, nonFinite });
}
