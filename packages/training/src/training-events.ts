export interface StepReport {
  /** Steps done, skipped ones included. */
  readonly step: number;
  /** Share of the run, in [0, 1]. */
  readonly progress: number;
  /** Steps of the whole run; an estimate when the run is limited by time. */
  readonly totalSteps: number;
  /** What the task says of the step: losses, gradient norms, learning rate, by name. */
  readonly values: Readonly<Record<string, number>>;
  /** Whether the step failed, so that an update was left out. */
  readonly skipped: boolean;
  /** Steps of the whole run that were skipped. */
  readonly skippedSteps: number;
  /** Mean over the last steps. */
  readonly examplesPerSecond: number;
  /** Of the whole run, those before it was resumed included. */
  readonly elapsedSeconds: number;
  readonly remainingSeconds: number;
}

export interface WarningReport {
  readonly step: number;
  /** `checkpoint-failed`, `later-checkpoints`, `log-failed`, `slow-data`, `step-skipped`, or one of the task's. */
  readonly code: string;
  readonly message: string;
}

/** The best evaluation so far. */
export interface BestCheckpoint {
  readonly metric: string;
  readonly value: number;
  readonly step: number;
  /** Undefined without a directory, and where it could not be written. */
  readonly file: string | undefined;
}

export interface TrainingSummary<Evaluation> {
  readonly reason: 'finished' | 'aborted';
  readonly step: number;
  readonly skippedSteps: number;
  readonly elapsedSeconds: number;
  /** Mean over the steps of this call, the first ones, which compile, left out. */
  readonly examplesPerSecond: number;
  /** The checkpoint of the end, if there is a directory. */
  readonly checkpoint: string | undefined;
  readonly best: BestCheckpoint | undefined;
  /** Of the end; undefined where nothing is evaluated, and after an abort. */
  readonly evaluation: Evaluation | undefined;
}

/** Events and what their listeners get. */
export interface TrainingEvents<Evaluation = unknown, Look = unknown> {
  step: [StepReport];
  evaluate: [Evaluation & { readonly step: number }];
  look: [Look & { readonly step: number }];
  checkpoint: [{ readonly step: number; readonly file: string }];
  best: [BestCheckpoint];
  warning: [WarningReport];
  end: [TrainingSummary<Evaluation>];
}
