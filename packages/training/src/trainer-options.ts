import type { BatchSource, OptionTable } from '@vitvq/core';
import type { Duration } from './duration.js';
import { intervalOptionNames, type IntervalOptions } from './interval.js';
import type { PreviewSchedule } from './preview-schedule.js';
import type { NonFinitePolicy } from './training-config.js';
import type { TrainingTask } from './training-task.js';

/** Choice of the best evaluation. */
export interface BestMetric {
  /** One of the task's metrics, such as `psnr`. */
  readonly metric: string;
  readonly mode: 'highest' | 'lowest';
}

/** Content of TensorBoard's event files. */
export interface TensorBoardOptions {
  /** Steps between two points of the training's curves. @default 1 */
  readonly everySteps?: number;
  /**
   * Whether evaluations write histograms of weights and of what the task measures.
   * @default true
   */
  readonly histograms?: boolean;
}

/**
 * How a run is watched and saved. None of it changes what is learned, and a resumed run may change
 * it.
 */
export interface RunOptions<Batch> {
  /**
   * Opens the data so that its first batch is number `startAt`; the same number must always give
   * the same batch.
   */
  readonly openBatches: (startAt: number) => BatchSource<Batch> | Promise<BatchSource<Batch>>;
  /**
   * Folder of checkpoints, `metrics.jsonl` and TensorBoard's event files, to which one run at a
   * time writes; without one, nothing is written.
   */
  readonly directory?: string;
  /**
   * How often to save, besides the end and the first half minute of each call of `run`; `keep`
   * checkpoints stay.
   * @default { everySeconds: 60, keep: 2 }
   */
  readonly checkpoint?: IntervalOptions & { readonly keep?: number };
  /** How often to evaluate, besides the end; without it, never. */
  readonly evaluation?: IntervalOptions;
  /**
   * Keeps the checkpoint of the best evaluation in the folder `best`, whatever `checkpoint.keep`
   * is.
   */
  readonly best?: BestMetric;
  /** When to draw previews; without it, never. */
  readonly preview?: PreviewSchedule;
  /** Event files; false: none. @default {} */
  readonly tensorBoard?: TensorBoardOptions | false;
  /** JSON that checkpoints keep for whoever resumes. */
  readonly notes?: unknown;
}

/**
 * Names of the options of a run, apart from `evaluation` and `preview`, to which each trainer adds
 * what it measures and draws. For `checkOptions` of @vitvq/core.
 */
export const runOptionNames: OptionTable<Omit<RunOptions<never>, 'evaluation' | 'preview'>> = {
  openBatches: 'required',
  directory: 'optional',
  checkpoint: 'optional',
  best: 'optional',
  tensorBoard: 'optional',
  notes: 'optional',
};

/** Options of `Trainer`. */
export interface TrainerOptions<Batch, Evaluation, Preview> extends RunOptions<Batch> {
  readonly task: TrainingTask<Batch, Evaluation, Preview>;
  readonly duration: Duration;
  /** Reaction to a step that fails. @default { action: 'stop', maximumInRow: 0 } */
  readonly nonFinite?: NonFinitePolicy;
}

/** Names of the options within those of a run. */
export const innerOptionNames: {
  readonly checkpoint: OptionTable<NonNullable<RunOptions<never>['checkpoint']>>;
  readonly best: OptionTable<BestMetric>;
  readonly tensorBoard: OptionTable<TensorBoardOptions>;
  readonly nonFinite: OptionTable<NonFinitePolicy>;
} = {
  checkpoint: { ...intervalOptionNames, keep: 'optional' },
  best: { metric: 'required', mode: 'required' },
  tensorBoard: { everySteps: 'optional', histograms: 'optional' },
  nonFinite: { action: 'required', maximumInRow: 'required' },
};

/** Options of `Trainer.restore`. */
export interface RestoreOptions {
  /**
   * Differences between the config of the checkpoint and this one that are meant: true for all, or
   * paths (`training.learningRate`, which covers what lies below it; `data` for another data set).
   * @default false
   */
  readonly allowChanges?: boolean | readonly string[];
}

/** Names of {@link RestoreOptions}. */
export const restoreOptionNames: OptionTable<RestoreOptions> = {
  allowChanges: 'optional',
};
