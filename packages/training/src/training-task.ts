import type { Variable } from '@tensorflow/tfjs-core';
import type { ModelEMA } from './model-ema.js';
import type { Picture } from './picture.js';

/** Position of a step in its run. */
export interface StepContext {
  /** Index of the step, 0 for the first: the number of steps before it. */
  readonly index: number;
  /** Fraction of the run in the middle of the step, in [0, 1], which schedules follow. */
  readonly progress: number;
}

/** Result of a step. */
export interface StepResult {
  /** Number of examples in the batch. */
  readonly examples: number;
  /**
   * Losses, norms and learning rates by name, unweighted terms before their sum: the first that is
   * not finite names the failure. The update that such a value belongs to has changed nothing.
   */
  readonly values: Readonly<Record<string, number>>;
  /** Norm of each variable's gradient, by dotted name. */
  readonly gradientNorms: ReadonlyMap<string, number>;
}

/** Measurement on data that the model is not trained on. */
export interface TaskEvaluation<Evaluation> {
  /** Numbers for logs and for the choice of the best checkpoint. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The whole measurement, for listeners. */
  readonly evaluation: Evaluation;
  /** Findings that people should know about. */
  readonly warnings?: readonly { readonly code: string; readonly message: string }[];
  /** Values whose distribution is worth a histogram, by tag. */
  readonly histograms?: Readonly<Record<string, ArrayLike<number>>>;
}

/** Results of the model on a few fixed inputs. */
export interface TaskPreview<Preview> {
  readonly preview: Preview;
  readonly pictures: readonly Picture[];
}

/**
 * Part of a training whose variables and state a checkpoint holds: a model, an optimizer, an EMA, a
 * phase.
 */
export interface TrainingPart {
  /** Returns the part's variables by dotted name. */
  namedVariables?(): Map<string, Variable>;
  /** Returns what the part remembers besides variables, as JSON. */
  state?(): unknown;
  /**
   * Takes the result of `state()` back, after the variables.
   * @throws {ConfigError} for another state
   */
  restoreState?(state: unknown): void;
  /**
   * Starts afresh where a checkpoint has no variables of the part, which only a change that is
   * meant allows.
   */
  restart?(): void;
}

/**
 * What is trained. `Trainer` knows when, a task knows what. A step, and everything that the parts
 * hold, must be a function of config, batch and index alone, so that a resumed run goes on bit for
 * bit.
 */
export interface TrainingTask<Batch, Evaluation = unknown, Preview = unknown> {
  /** Kind of training, such as `tokenizer`, which tells its checkpoints from others. */
  readonly kind: string;
  /** JSON that must be the same when a run is resumed; differences are listed by dotted path. */
  readonly config: Readonly<Record<string, unknown>>;
  /**
   * Parts by the name that stands before the first dot of their variables' names in a checkpoint.
   */
  readonly parts: Readonly<Record<string, TrainingPart>>;
  /** EMA that evaluations and previews use; it is one of the parts. */
  readonly ema?: ModelEMA;
  /** Trains on one batch. */
  step(batch: Batch, context: StepContext): Promise<StepResult>;
  /**
   * Returns whether something new begins with this step, such as a discriminator; the loop
   * evaluates before it.
   */
  isMilestone?(context: StepContext): boolean;
  /** Returns whether a batch holds neither NaN nor infinite values; asked after a failure. */
  isFinite(batch: Batch): boolean;
  /**
   * Makes sure that there is held-out data, at the start of a run that evaluates.
   * @throws {DataError} when there is none
   */
  assertHeldOut?(): Promise<void>;
  /** Measures the model on held-out data. */
  evaluate?(): Promise<TaskEvaluation<Evaluation>>;
  /** Applies the model to a few fixed inputs. */
  preview?(): Promise<TaskPreview<Preview>>;
  /** Frees what the task made. */
  dispose(): void;
}
