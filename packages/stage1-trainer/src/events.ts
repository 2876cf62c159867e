import type { HostImages } from '@vitvq/core';
import type { Evaluation } from '@vitvq/evaluation';
import type { TrainingEvents, TrainingSummary } from '@vitvq/training';

/** A few fixed images and their reconstructions. */
export interface TokenizerPreview {
  readonly originals: HostImages;
  /** Clipped to [0, 1]. */
  readonly reconstructions: HostImages;
  /** Mean over the images, in decibels. */
  readonly psnr: number;
}

/** Summary of a tokenizer's training. */
export type TokenizerTrainingSummary = TrainingSummary<Evaluation>;

/**
 * Events and the arguments of their listeners. Values of a step: `loss` and its unweighted terms
 * (the names of `tokenizerLossTerms` and of the caller's own terms, `adaptiveWeight`),
 * `gradientNorm`, `learningRate`; with a quantizer that draws, `temperature`; once the
 * discriminator has started, its loss `discriminator`, `logitsReal`, `logitsFake`, `r1`, `leCam`,
 * `discriminatorGradientNorm`; where a codebook reset was due, `resetCodes`.
 */
export type TokenizerTrainingEvents = TrainingEvents<Evaluation, TokenizerPreview>;
