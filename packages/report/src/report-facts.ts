import type { HostImages } from '@vitvq/core';

/** How a training went. */
export interface TrainingFacts {
  /** Number of updates of the weights. */
  readonly steps: number;
  /** Time of the training in seconds. */
  readonly seconds: number;
  /** Training speed in images per second. */
  readonly imagesPerSecond?: number;
  /** Number of weights. */
  readonly parameterCount?: number;
  /** Number of images that were trained on, each counted as often as it was used. */
  readonly images?: number;
  /** Time of the compilation in seconds. */
  readonly compileSeconds?: number;
}

/** The engine of a run; an `Engine` of @vitvq/engine is one. */
export interface EngineFacts {
  readonly name: string;
  /** Why the engine was chosen. */
  readonly reason?: string;
  readonly threads?: number;
  readonly description?: string;
}

/** How a set of images uses a codebook; `CodebookUse` of @vitvq/evaluation is one. */
export interface CodebookUsageFacts {
  /** Fraction of the codes that all images together use. */
  readonly usage: number;
  /**
   * Fraction of the codes that a batch of 256 images uses, by the definition of the paper
   * (arXiv:2110.04627, Table 4).
   */
  readonly paperUsage?: number | undefined;
  /** `exp` of the entropy of the codes' frequencies. */
  readonly perplexity: number;
  /** Number of uses of each code, `[K]`. */
  readonly counts?: ArrayLike<number>;
}

/** Images with what a tokenizer makes of them. */
export interface ReconstructionFacts {
  /** Images that the tokenizer was not trained on, `[B, H, W, C]` in [0, 1]. */
  readonly originals: HostImages;
  /** Reconstructions of the originals, in their shape. */
  readonly reconstructions: HostImages;
  /** One text for each image, such as its class. */
  readonly names?: readonly string[];
  /** PSNR of each image in decibels, `[B]`. */
  readonly psnrOfImages?: ArrayLike<number>;
}

/** Measurements of a tokenizer on images that it was not trained on. */
export interface EvaluationFacts {
  /** Number of images. */
  readonly count: number;
  /** Mean PSNR of the images in decibels. */
  readonly psnr: number;
  /** Mean squared error over all values of all images. */
  readonly meanSquaredError?: number;
  /** Mean perceptual distance of the images. */
  readonly perceptualDistance?: number | undefined;
  /** Use of the codes; undefined where latents are no codes. */
  readonly codebook?: CodebookUsageFacts | undefined;
}
