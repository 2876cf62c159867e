import type { ImageBatch, PerceptualLoss, BatchSource, HostImages } from '@vitvq/core';
import type { Evaluation } from '@vitvq/evaluation';
import type { ViTVQ } from '@vitvq/tokenizer';
import { Trainer, type IntervalOptions, type LookSchedule, type RunOptions } from '@vitvq/training';
import type { Stage1Look } from './events.js';
import { Stage1Task, type AdversarialParts } from './internal/stage1-task.js';
import type { ResolvedStage1Plan, Stage1Plan } from './plan.js';

/** Training images; `createBatches` of @vitvq/data makes one. It must not end before the training does. */
export type ImageBatchSource = BatchSource<ImageBatch>;

export interface Stage1TrainerOptions extends Omit<RunOptions<ImageBatch>, 'evaluation' | 'look'> {
  readonly tokenizer: ViTVQ;
  readonly plan: Stage1Plan;
  /** For a weight `losses.perceptual` above 0, and measured in evaluations; an `LPIPS` of @vitvq/losses is one. */
  readonly perceptual?: PerceptualLoss;
  /** For a weight `losses.adversarial` above 0. */
  readonly adversarial?: AdversarialParts;
  /** Images that are held out, and how often to measure on them, besides the end. */
  readonly evaluation?: IntervalOptions & {
    readonly images: HostImages;
    /** Images at once; no effect on the result. @default 64 */
    readonly batchSize?: number;
  };
  /** A few fixed images and when to look at their reconstructions: often at first. */
  readonly look?: LookSchedule & { readonly images: HostImages };
  /** What else must be the same when the run is resumed, such as the configuration of the model; anything that JSON holds. */
  readonly configuration?: unknown;
}

/**
 * Trains a tokenizer by a plan: batches, the autoencoder's step and then the discriminator's on reconstructions of the updated
 * autoencoder, care of the codebook, averages of weights; the loop around it is the `Trainer` of @vitvq/training.
 *
 * Ownership: the trainer disposes of its optimizers, averages and compiled functions, never of tokenizer, discriminator and
 * perceptual network.
 */
export class Stage1Trainer extends Trainer<ImageBatch, Evaluation, Stage1Look> {
  /** With its defaults. */
  readonly plan: ResolvedStage1Plan;
  readonly #task: Stage1Task;

  /** @throws {ConfigError} naming every problem of the plan at once, and for parts that it needs and that are not there */
  constructor({ evaluation, look, ...options }: Stage1TrainerOptions) {
    const task = new Stage1Task({ ...options, evaluation, look });
    super({ ...options, evaluation, look, task });
    this.plan = task.plan;
    this.#task = task;
  }

  /**
   * Runs `fn` while the tokenizer holds the averages of its weights, if the plan has them: what evaluations measure and
   * `readTokenizerWeights` reads. Not while `run` is under way.
   */
  withAverages<T>(fn: () => Promise<T>): Promise<T> {
    return this.#task.withAverages(fn);
  }
}
