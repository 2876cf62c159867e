import type { BestCheckpoint } from '../training-events.js';

/**
 * Position of a run, which its checkpoints hold; the collaborators of a trainer share one and move
 * it.
 */
export interface RunState {
  /** Number of steps so far, skipped ones included. */
  step: number;
  skippedSteps: number;
  /** Number of skipped steps since the last good one. */
  skippedInRow: number;
  /** Number of steps at the last evaluation. */
  evaluatedStep: number | undefined;
  elapsedSeconds: number;
  best: BestCheckpoint | undefined;
  newestCheckpoint: string | undefined;
  /** Whether the state comes from a checkpoint. */
  isRestored: boolean;
  /** Fingerprint that the data must have. */
  expectedFingerprint: string | undefined;
  fingerprint: string | undefined;
}

/** Returns the state of a run that has not begun. */
export function initialState(): RunState {
  return {
    step: 0,
    skippedSteps: 0,
    skippedInRow: 0,
    evaluatedStep: undefined,
    elapsedSeconds: 0,
    best: undefined,
    newestCheckpoint: undefined,
    isRestored: false,
    expectedFingerprint: undefined,
    fingerprint: undefined,
  };
}
