import type { DiscriminatorTrainingConfig, TokenizerTrainingConfig } from './config.js';
import type { TokenizerLossWeights } from './loss-terms.js';

/**
 * Weights of the paper's loss: L_VQ + 0.1 L_adversarial + 0.1 L_perceptual + 0.1 L_logit-laplace +
 * L_2 (sec. 3.3).
 */
export const VIT_VQGAN_LOSSES = {
  l1: 0,
  l2: 1,
  logitLaplace: 0.1,
  quantizer: 1,
  perceptual: 0.1,
  adversarial: 0.1,
} as const satisfies TokenizerLossWeights;

/**
 * Defaults of the reference's loss, `VQLPIPSWithDiscriminator`: everything with weight 1. Its
 * `loglaplace` is the mean absolute difference, `loggaussian` the squared one. (The configs that it
 * ships have l1: 0, perceptual: 0.1, adversarial: 0.1.)
 */
export const REFERENCE_LOSSES = {
  l1: 1,
  l2: 1,
  logitLaplace: 0,
  quantizer: 1,
  perceptual: 1,
  adversarial: 1,
} as const satisfies TokenizerLossWeights;

/**
 * Defaults of the reference's discriminator, with `vanillaAdversarialLoss`: from the first step, R1
 * with gamma 10, every 16 steps.
 */
export const REFERENCE_DISCRIMINATOR = {
  start: { step: 0 },
  adaptiveWeight: false,
  r1: { weight: 5, every: 16 },
} as const satisfies DiscriminatorTrainingConfig;

/**
 * Training of stage 1 in the paper (arXiv:2110.04627, sec. 3.3 and 5.1): 500,000 steps with batches
 * of 256, Adam with decoupled weight decay for tokenizer and discriminator, 50,000 steps of warm-up
 * to 1e-4, cosine to 5e-5; the paper does not clip gradients. The paper names neither its
 * adversarial loss nor the strength of R1: R1 is as in StyleGAN2 at 256x256 and in the reference.
 *
 * It takes a `StyleDiscriminator`, an `LPIPS` with its weights, and a tokenizer with
 * `output: 'logit-laplace'`. For linear probes the paper leaves the perceptual term out, since VGG
 * has seen ImageNet's labels.
 */
export const VIT_VQGAN_TRAINING = {
  duration: { steps: 500_000 },
  learningRate: { peak: 1e-4, end: 5e-5, warmup: 0.1 },
  optimizer: { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 1e-4 },
  clipNorm: null,
  losses: VIT_VQGAN_LOSSES,
  discriminator: REFERENCE_DISCRIMINATOR,
  codebook: { autoencoderFraction: 0, initializeFromData: false, resetEvery: 0 },
  seed: 0,
} as const satisfies TokenizerTrainingConfig;

/** Batch size of {@link VIT_VQGAN_TRAINING} (arXiv:2110.04627, sec. 5.1). */
export const VIT_VQGAN_BATCH_SIZE = 256;

/**
 * Training of `SINGLE_MACHINE` of @vitvq/tokenizer with the paper's losses and the shape of its
 * schedule, made smaller by rule and not tuned by trials: 3.2 million images.
 *
 * - Batches of 32 have noisier gradients than batches of 256: gradients are clipped, and an EMA of
 *   the weights is evaluated. The learning rate stays the paper's, because narrower transformers
 *   bear a larger one.
 * - Discriminator and adversarial loss begin after the warm-up: the images of an untrained decoder
 *   differ from real ones by their brightness alone, which teaches nothing.
 * - A fifth of the steps, with an eighth of the images each, leaves codes little time to be found
 *   by chance: codes start as features, and dead ones are reset.
 */
export const SINGLE_MACHINE_TRAINING = {
  ...VIT_VQGAN_TRAINING,
  duration: { steps: 100_000 },
  clipNorm: 1,
  ema: { decay: 0.999 },
  discriminator: { ...REFERENCE_DISCRIMINATOR, start: { fraction: 0.1 } },
  codebook: { autoencoderFraction: 0, initializeFromData: true, resetEvery: 100 },
} as const satisfies TokenizerTrainingConfig;

/** Batch size of {@link SINGLE_MACHINE_TRAINING}. */
export const SINGLE_MACHINE_BATCH_SIZE = 32;

/**
 * Training of `QUICKSTART` of @vitvq/tokenizer in a few minutes. A codebook that starts from noise
 * collapses in so short a run (2 % of it in use), so codes start as features of the first batch,
 * and codes that nothing chose for 25 steps are reset.
 */
export const QUICKSTART_TRAINING = {
  duration: { minutes: 5 },
  learningRate: { peak: 1e-3, end: 0, warmup: 0.05 },
  optimizer: { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 1e-4 },
  clipNorm: 1,
  losses: { l1: 0, l2: 1, logitLaplace: 0, quantizer: 1 },
  codebook: { autoencoderFraction: 0, initializeFromData: true, resetEvery: 25 },
  seed: 0,
} as const satisfies TokenizerTrainingConfig;

/** Batch size of {@link QUICKSTART_TRAINING}. */
export const QUICKSTART_BATCH_SIZE = 16;
