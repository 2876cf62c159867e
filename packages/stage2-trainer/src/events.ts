import type { HostImages } from '@vitvq/core';
import type { TrainingEvents, TrainingSummary } from '@vitvq/training';

/** Measurement of a model on tokens that it is not trained on, teacher-forced, without dropout. */
export interface TransformerEvaluation {
  /** Number of images. */
  readonly count: number;
  /** Mean negative log-likelihood of a code in nats, over all codes of all tokens. */
  readonly natsPerToken: number;
  /** `natsPerToken / ln 2`. */
  readonly bitsPerToken: number;
  /** `exp(natsPerToken)`. */
  readonly perplexity: number;
  /**
   * Entropy in nats of the frequencies of the same codes, which a model reaches that knows how
   * often each code occurs and nothing else; with a code depth above 1, the mean over the levels. A
   * model has learned something once its `natsPerToken` is below.
   */
  readonly unigramNatsPerToken: number;
  /** The same for each of the L codes of a token: one entry, or L of residual codes. */
  readonly unigramNatsOfLevels: readonly number[];
  /** Fraction of the vocabulary that occurs, for each of the L codes of a token. */
  readonly usageOfLevels: readonly number[];
  /** Mean negative log-likelihood of each image, `[B]` nats per token. */
  readonly natsPerTokenOfImages: Float64Array;
  /** Terms of the caller, by name. */
  readonly terms: Readonly<Record<string, number>>;
}

/** Images that the model has sampled, always from the same seeds and conditions. */
export interface TransformerPreview {
  /** Row-major, of `tokensShape`. */
  readonly tokens: Int32Array;
  /** `[B, N]` or `[B, N, L]`. */
  readonly tokensShape: readonly number[];
  /** The tokens, decoded by the tokenizer; undefined without one. */
  readonly images: HostImages | undefined;
}

/** Summary of a transformer's training. */
export type TransformerTrainingSummary = TrainingSummary<TransformerEvaluation>;

/**
 * Events and the arguments of their listeners. Values of a step: `loss` and its unweighted terms
 * (`crossEntropy` in nats per token, and the caller's own), `bitsPerToken` and `perplexity` of the
 * cross-entropy, `gradientNorm`, `learningRate`.
 */
export type TransformerTrainingEvents = TrainingEvents<TransformerEvaluation, TransformerPreview>;
