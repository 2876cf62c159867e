import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, type PerceptualLoss } from '@vitvq/core';
import { imageGradientLoss, l1Loss, l2Loss, logitLaplaceLoss, type LogitLaplaceParameters } from '@vitvq/losses';
import { z } from 'zod';

/** What the tokenizer made of a batch, as the terms of the loss see it. */
export interface TokenizerLossInputs {
  /** `[B, H, W, C]` in [0, 1]. */
  readonly images: tf.Tensor4D;
  /** `[B, H, W, C]`, not clipped. */
  readonly reconstruction: tf.Tensor4D;
  /** Raw decoder output, `[B, H, W, C]` (`2C` with `output: 'logit-laplace'`). */
  readonly decoded: tf.Tensor4D;
  /** Parameters of the likelihood of each value; only with `output: 'logit-laplace'`. */
  readonly logitLaplace?: LogitLaplaceParameters;
}

/** Parts that terms need. */
export interface TermParts {
  readonly output: 'pixels' | 'logit-laplace';
  readonly perceptual?: PerceptualLoss;
}

/** Row of a term that a config can weight. */
interface TermRow {
  /** Default weight. */
  readonly weight: number;
  /**
   * Returns the term from what the decoder made, as plain tensor code. Without it, the value is not
   * a function of the decoder's output alone, and the loss computes it itself.
   */
  readonly compute?: (inputs: TokenizerLossInputs, parts: TermParts) => tf.Scalar;
  /** Checks that the term's parts are there. @throws {ConfigError} */
  readonly check?: (parts: TermParts, weight: number, where: string) => void;
}

const row = (term: TermRow): TermRow => term;

/**
 * Terms of the tokenizer's loss that a config weights by name: one row a term. Values in logs have
 * the names of the rows and come without their weights. A term of weight 0 is not computed.
 */
export const tokenizerLossTerms = {
  /** Mean absolute difference. */
  l1: row({ weight: 0, compute: ({ reconstruction, images }) => l1Loss(reconstruction, images) }),
  /** Mean squared difference. */
  l2: row({ weight: 1, compute: ({ reconstruction, images }) => l2Loss(reconstruction, images) }),
  /**
   * Mean squared error of the differences of neighbouring pixels, beside `l1` or `l2`: more detail,
   * and no borders between patches.
   */
  imageGradient: row({
    weight: 0,
    compute: ({ reconstruction, images }) => imageGradientLoss(reconstruction, images),
  }),
  /**
   * Negative log-likelihood of a logit-Laplace distribution; needs a tokenizer with that output.
   */
  logitLaplace: row({
    weight: 0,
    compute: ({ logitLaplace, images }) => logitLaplaceLoss(logitLaplace!, images),
    check: ({ output }, _weight, where) => {
      if (output === 'logit-laplace') return;
      throw new ConfigError({
        where,
        expected: "a tokenizer with output 'logit-laplace' for the logit-laplace loss",
        got: `output '${output}'`,
        fix: "Create it with output: 'logit-laplace', or set the weight to 0.",
      });
    },
  }),
  /** Mean perceptual distance; needs `perceptual`. */
  perceptual: row({
    weight: 0,
    compute: ({ images, reconstruction }, { perceptual }) =>
      tf.mean<tf.Scalar>(perceptual!.distance(images, reconstruction)),
    check: ({ perceptual }, weight, where) => {
      if (perceptual) return;
      throw new ConfigError({
        where,
        expected: `a perceptual loss for the weight ${weight}`,
        got: 'none',
        fix: 'Pass perceptual: an LPIPS of @vitvq/losses with its weights loaded, or set the weight to 0.',
      });
    },
  }),
  /**
   * Loss of the quantizer: codebook term + beta x commitment term for a `VectorQuantizer`, weight x
   * divergence for a `KLBottleneck`.
   */
  quantizer: row({ weight: 1 }),
  /** Generator's side of the adversarial loss; needs a discriminator. */
  adversarial: row({ weight: 0 }),
  /** 1 - cosine similarity of predicted features to a frozen network's; needs `alignment`. */
  alignment: row({ weight: 0 }),
};

/** Name of a term that a config weights. */
export type TokenizerLossTerm = keyof typeof tokenizerLossTerms;

/**
 * Weights of the terms of {@link tokenizerLossTerms}, each at least 0, with the defaults of its
 * row.
 */
export type TokenizerLossWeights = { readonly [Name in TokenizerLossTerm]?: number };

type WeightSchemas = { [Name in TokenizerLossTerm]: z.ZodDefault<z.ZodNumber> };

/** Schema of {@link TokenizerLossWeights}; it fills in the defaults. */
export const tokenizerLossWeightsSchema = z.strictObject(
  Object.fromEntries(
    Object.entries(tokenizerLossTerms).map(([name, { weight }]) => [name, z.number().min(0).default(weight)]),
  ) as WeightSchemas,
);

/** Names of values that a tokenizer's training logs, which terms of a caller may not have. */
export const tokenizerValueNames: readonly string[] = [
  ...Object.keys(tokenizerLossTerms),
  'loss',
  'adaptiveWeight',
  'kl',
  'gradientNorm',
  'learningRate',
  'temperature',
  'discriminator',
  'discriminatorGradientNorm',
  'logitsReal',
  'logitsFake',
  'r1',
  'leCam',
  'codebook',
  'resetCodes',
  'psnr',
  'meanSquaredError',
  'perceptualDistance',
  'usage',
  'paperUsage',
  'perplexity',
];
