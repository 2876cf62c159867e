import type { HostImages } from '@vitvq/core';
import type { TrainingEvents, TrainingSummary } from '@vitvq/training';

/** A model measured on tokens that it is not trained on, teacher-forced, without dropout. */
export interface Stage2Evaluation {
  /** Number of images. */
  readonly count: number;
  /** Mean negative log-likelihood; of all levels, where there are several. */
  readonly natsPerToken: number;
  /** `natsPerToken / ln 2`. */
  readonly bitsPerToken: number;
  /** `exp(natsPerToken)`: among how many equally likely tokens the model hesitates. */
  readonly perplexity: number;
  /**
   * Entropy of the frequencies of the same tokens, what a model would reach that knows how often each occurs and nothing else;
   * with several levels, the mean of each level's. The model has learned something once it is below.
   */
  readonly unigramNatsPerToken: number;
  /** The same, level by level: one entry, or L of residual codes. */
  readonly unigramNatsOfLevels: readonly number[];
  /** Share of the vocabulary that occurs, level by level. */
  readonly usageOfLevels: readonly number[];
  /** `[B]`. */
  readonly natsPerTokenOfImages: Float64Array;
}

/** Images that the model has sampled, always of the same seeds and conditions. */
export interface Stage2Look {
  /** Row-major, of `tokensShape`. */
  readonly tokens: Int32Array;
  /** `[B, N]` or `[B, N, L]`. */
  readonly tokensShape: readonly number[];
  /** What the tokenizer makes of them; undefined without one. */
  readonly images: HostImages | undefined;
}

export type Stage2Summary = TrainingSummary<Stage2Evaluation>;

/**
 * Events and what their listeners get. The `values` of a step: `loss` (nats per token), `bitsPerToken`, `perplexity`,
 * `gradientNorm`, `learningRate`.
 */
export type Stage2Events = TrainingEvents<Stage2Evaluation, Stage2Look>;
