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

/** Evaluation of a tokenizer in training. */
export interface TokenizerEvaluation extends Evaluation {
  /**
   * PSNR in decibels of images made of their first tokens alone, for each of the tokenizer's nested
   * lengths, all tokens last; undefined without nested lengths.
   */
  readonly lengths?: readonly { readonly tokens: number; readonly psnr: number }[];
  /** Divergence of a `KLBottleneck`, in nats a latent; undefined of others. */
  readonly kl?: number;
}

/** Summary of a tokenizer's training. */
export type TokenizerTrainingSummary = TrainingSummary<TokenizerEvaluation>;

/**
 * Events and the arguments of their listeners. Values of a step: `loss` and its unweighted terms
 * (the names of `tokenizerLossTerms` and of the caller's own terms, `adaptiveWeight`),
 * `gradientNorm`, `learningRate`; with a quantizer that draws, `temperature`; with a
 * `KLBottleneck`, `kl`, its divergence in nats a latent; once the discriminator has started, its
 * loss `discriminator`, `logitsReal`, `logitsFake`, `r1`, `leCam`,
 * `discriminatorGradientNorm`; where a codebook reset was due, `resetCodes`.
 */
export type TokenizerTrainingEvents = TrainingEvents<TokenizerEvaluation, TokenizerPreview>;
