import type { HostImages } from '@vitvq/core';
import type { Evaluation } from '@vitvq/evaluation';
import type { TrainingEvents, TrainingSummary } from '@vitvq/training';

/** Some fixed images and what the tokenizer makes of them. */
export interface Stage1Look {
  readonly originals: HostImages;
  /** Clamped to [0, 1]. */
  readonly reconstructions: HostImages;
  /** Decibels, mean over the images. */
  readonly psnr: number;
}

export type Stage1Summary = TrainingSummary<Evaluation>;

/**
 * Events and what their listeners get. The `values` of a step: `loss` and its unweighted terms (`l1`, `l2`, `logitLaplace`,
 * `perceptual`, `quantizer`, `adversarial`, `adaptiveWeight`), `gradientNorm`, `learningRate`; with a quantizer that draws,
 * `temperature`; once the discriminator has started, its loss `discriminator`, `logitsReal`, `logitsFake`, `r1`, `leCam`,
 * `discriminatorGradientNorm`; where codes were looked for, `revivedCodes`.
 */
export type Stage1Events = TrainingEvents<Evaluation, Stage1Look>;
