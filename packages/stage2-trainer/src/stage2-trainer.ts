import type { Tokenizer, BatchSource, ImageOrCodeBatch } from '@vitvq/core';
import { Trainer, type IntervalOptions, type LookSchedule, type RunOptions } from '@vitvq/training';
import type { AutoregressiveModel, AnyConditioner } from '@vitvq/transformers';
import type { Stage2Evaluation, Stage2Look } from './events.js';
import { Stage2Task, type LookOptions } from './internal/stage2-task.js';
import type { ResolvedStage2Plan, Stage2Plan } from './plan.js';

/** Training images (`createBatches` of @vitvq/data) or codes (`openCodes`). It must not end before the training does. */
export type Stage2BatchSource = BatchSource<ImageOrCodeBatch>;

export interface Stage2TrainerOptions extends Omit<RunOptions<ImageOrCodeBatch>, 'evaluation' | 'look'> {
  /** A `GPT`, an `RQTransformer`; whatever it drops is dropped. */
  readonly model: AutoregressiveModel;
  readonly plan: Stage2Plan;
  /**
   * Frozen. For batches of images, which are augmented before they are encoded (arXiv:2110.04627, sec. 4.2), and to show what is
   * sampled.
   */
  readonly tokenizer?: Tokenizer;
  /** One that embeds is trained with the model. @default none: an `Unconditional` */
  readonly conditioner?: AnyConditioner;
  /** Images or codes that are held out, and how often to measure on them, besides the end. */
  readonly evaluation?: IntervalOptions & {
    /** Opens them from the first batch on; they must end. */
    readonly openBatches: () => AsyncIterable<ImageOrCodeBatch> | Iterable<ImageOrCodeBatch>;
  };
  /** What to sample, and when: often at first. */
  readonly look?: LookSchedule & LookOptions;
  /** What else must be the same when the run is resumed, such as the configuration of the model; anything that JSON holds. */
  readonly configuration?: unknown;
}

/**
 * Trains a transformer over image tokens by a plan: conditions and tokens of a batch, next-token cross-entropy with dropout,
 * update, averages of weights; the loop around it is the `Trainer` of @vitvq/training. Dropout and dropped conditions are drawn
 * from the plan's seed and the number of the step, so that a resumed run goes on bit for bit.
 *
 * With `accumulate` the conditions that are dropped are those of the whole batch; dropout is drawn for each part.
 *
 * Ownership: the trainer disposes of its optimizer, averages and compiled functions, never of model, tokenizer and conditioner.
 */
export class Stage2Trainer extends Trainer<ImageOrCodeBatch, Stage2Evaluation, Stage2Look> {
  /** With its defaults. */
  readonly plan: ResolvedStage2Plan;
  readonly #task: Stage2Task;

  /** @throws {ConfigError} naming every problem of the plan at once, and for tokenizers and conditioners that do not fit */
  constructor({ evaluation, look, ...options }: Stage2TrainerOptions) {
    const task = new Stage2Task({ ...options, evaluation, look });
    super({ ...options, evaluation, look, task });
    this.plan = task.plan;
    this.#task = task;
  }

  /**
   * Runs `fn` while the model holds the averages of its weights, if the plan has them: what evaluations measure and
   * `readTransformerWeights` reads. Not while `run` is under way.
   */
  withAverages<T>(fn: () => Promise<T>): Promise<T> {
    return this.#task.withAverages(fn);
  }
}
