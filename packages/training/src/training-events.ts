/** Report of a step. */
export interface StepReport {
  /** Number of steps so far, skipped ones included. */
  readonly step: number;
  /** Fraction of the run, in [0, 1]. */
  readonly progress: number;
  /** Number of steps of the whole run; an estimate where the run is limited by time. */
  readonly totalSteps: number;
  /** Values of the step by name: losses, gradient norms, learning rate. */
  readonly values: Readonly<Record<string, number>>;
  /** Whether the step failed, so that an update was left out. */
  readonly skipped: boolean;
  /** Number of skipped steps of the whole run. */
  readonly skippedSteps: number;
  /** Mean over the last steps. */
  readonly examplesPerSecond: number;
  /** Seconds of the whole run, those before it was resumed included. */
  readonly elapsedSeconds: number;
  readonly remainingSeconds: number;
}

/** Warning of a training that goes on. */
export interface WarningReport {
  readonly step: number;
  /**
   * `checkpoint-failed`, `later-checkpoints`, `log-damaged`, `log-failed`, `slow-data`,
   * `step-skipped`, or one of the task's.
   */
  readonly code: string;
  readonly message: string;
}

/** Best evaluation of a run. */
export interface BestCheckpoint {
  readonly metric: string;
  readonly value: number;
  readonly step: number;
  /** File of the checkpoint; undefined without a directory, and where it could not be written. */
  readonly file: string | undefined;
}

/** Summary of a run. */
export interface TrainingSummary<Evaluation> {
  readonly reason: 'finished' | 'aborted';
  readonly step: number;
  readonly skippedSteps: number;
  readonly elapsedSeconds: number;
  /** Mean over the steps of this call without the first ones, which compile. */
  readonly examplesPerSecond: number;
  /** Checkpoint of the end, where there is a directory. */
  readonly checkpoint: string | undefined;
  readonly best: BestCheckpoint | undefined;
  /** Evaluation of the end; undefined where nothing is evaluated, and after an abort. */
  readonly evaluation: Evaluation | undefined;
}

/** Events of a training and the arguments of their listeners. */
export interface TrainingEvents<Evaluation = unknown, Preview = unknown> {
  step: [StepReport];
  evaluate: [Evaluation & { readonly step: number }];
  preview: [Preview & { readonly step: number }];
  checkpoint: [{ readonly step: number; readonly file: string }];
  best: [BestCheckpoint];
  warning: [WarningReport];
  end: [TrainingSummary<Evaluation>];
}
