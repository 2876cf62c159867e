import type { Variable } from '@tensorflow/tfjs-core';
import type { Duration } from './plan.js';

/** Where a run stands when a step begins. */
export interface StepContext {
  /** Index of the step, 0 for the first: steps done so far. */
  readonly index: number;
  /** Share of the run in the middle of the step, in [0, 1]: what schedules go by. */
  readonly progress: number;
}

/** What a step came to. */
export interface StepResult {
  /** Examples in the batch. */
  readonly examples: number;
  /**
   * Losses, norms, learning rates by name, unweighted terms before their sum: the first that is not finite names the
   * failure. Where one is not, the update that it belongs to has changed nothing.
   */
  readonly values: Readonly<Record<string, number>>;
  /** Norm of each variable's gradient, by dotted name. */
  readonly gradientNorms: ReadonlyMap<string, number>;
}

/** A picture for people: RGB, row-major, 8 bits a channel. */
export interface Picture {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** A measurement on data that is not trained on. */
export interface TaskEvaluation<Evaluation> {
  /** Numbers for logs and for the memory of the best checkpoint. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Everything, for listeners. */
  readonly evaluation: Evaluation;
  /** What people should know about it. */
  readonly warnings?: readonly { readonly code: string; readonly message: string }[];
}

/** What the model makes of a few fixed inputs. */
export interface TaskLook<Look> {
  readonly look: Look;
  readonly pictures: readonly Picture[];
}

/**
 * What is trained, as the loop sees it: `Trainer` knows when, a task knows what. A step and everything in `state` and the
 * variables must be functions of configuration, batch and index alone, so that a resumed run goes on bit for bit.
 */
export interface TrainingTask<Batch, Evaluation = unknown, Look = unknown> {
  /** Tells checkpoints of one kind of training from another, `stage1`. */
  readonly kind: string;
  readonly duration: Duration;
  /** What becomes of a step that fails. */
  readonly nonFinite: NonFinitePolicy;
  /** What must be the same when a run is resumed, as JSON; differences are listed by dotted path. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** Everything that a checkpoint holds, by dotted name; the part before the first dot is the group. */
  namedVariables(): Map<string, Variable>;
  /** What else it holds, as JSON. */
  state(): unknown;
  /**
   * Takes back `state()`, after the variables.
   * @param fresh  groups of variables that the checkpoint did not have; only where changes were allowed
   */
  restore(state: unknown, fresh: ReadonlySet<string>): void | Promise<void>;
  step(batch: Batch, context: StepContext): Promise<StepResult>;
  /** Whether something new begins with this step, a discriminator, so that the loop evaluates before it. */
  isMilestone?(context: StepContext): boolean;
  /** Whether a batch holds neither NaN nor infinite values: asked after a failure. */
  isFinite(batch: Batch): boolean;
  evaluate?(): Promise<TaskEvaluation<Evaluation>>;
  look?(): Promise<TaskLook<Look>>;
  /** Values whose distribution is worth a histogram, by tag; one is read at a time. */
  histograms?(): AsyncIterable<readonly [tag: string, values: ArrayLike<number>]>;
  dispose(): void;
}

/** What happens to a run when a step's loss or gradient is NaN or infinite. The update that it belongs to is left out either way. */
export interface NonFinitePolicy {
  /** `stop` with `TrainingDivergedError`, or `skip` the step and count it. */
  readonly action: 'stop' | 'skip';
  /** With `skip`: more failures in a row than this stop the run. */
  readonly maximumInRow: number;
}
