import type { Evaluation } from './evaluator.js';

export interface StepReport {
  /** Steps done. */
  readonly step: number;
  /** Share of the run, in [0, 1]. */
  readonly progress: number;
  /** Steps of the whole run; an estimate when the run is limited by time. */
  readonly totalSteps: number;
  readonly loss: number;
  readonly reconstructionLoss: number;
  readonly quantizerLoss: number;
  /** Before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Codes that were replaced after this step; undefined where none were looked for. */
  readonly revivedCodes: number | undefined;
  /** Mean over the last steps. */
  readonly imagesPerSecond: number;
  /** Of the whole run, those before it was resumed included. */
  readonly elapsedSeconds: number;
  readonly remainingSeconds: number;
}

export interface WarningReport {
  readonly step: number;
  readonly code: 'checkpoint-failed' | 'log-failed' | 'low-codebook-usage' | 'slow-data';
  readonly message: string;
}

export interface Stage1Summary {
  readonly reason: 'finished' | 'aborted';
  readonly step: number;
  readonly elapsedSeconds: number;
  /** Mean over the steps of this call, the first ones, which compile, left out. */
  readonly imagesPerSecond: number;
  /** The checkpoint of the end, if there is a directory. */
  readonly checkpoint: string | undefined;
  /** Of the end; undefined without images to evaluate, and after an abort. */
  readonly evaluation: Evaluation | undefined;
}

/** Events and what their listeners get. */
export interface Stage1Events {
  step: [StepReport];
  evaluate: [Evaluation & { readonly step: number }];
  checkpoint: [{ readonly step: number; readonly file: string }];
  warning: [WarningReport];
  end: [Stage1Summary];
}
