import type { CNNVQConfig } from './create-cnn-vq.js';
import type { TransformerSize, ViTVQConfig } from './create-vitvq.js';
import type { Stage1LossWeights } from './stage1-loss.js';
import type { DiscriminatorPlan, Stage1Plan } from './stage1-plan.js';

/** Transformer "Small" of arXiv:2110.04627, Table 2. */
export const VIT_SMALL = { dim: 512, depth: 8, numHeads: 8, mlpDim: 2048 } as const satisfies TransformerSize;

/** Transformer "Base" of arXiv:2110.04627, Table 2. */
export const VIT_BASE = { dim: 768, depth: 12, numHeads: 12, mlpDim: 3072 } as const satisfies TransformerSize;

/** Transformer "Large" of arXiv:2110.04627, Table 2. */
export const VIT_LARGE = { dim: 1280, depth: 32, numHeads: 16, mlpDim: 5120 } as const satisfies TransformerSize;

/** What the paper's tokenizers share (sec. 3.2, 4.1 and 5.1): 256x256 images, 8x8 patches, 8,192 codes of 32 dimensions. */
const paper = { imageSize: 256, patchSize: 8, codebookSize: 8192, codeDim: 32, beta: 0.25 } as const;

/** ViT-VQGAN-SS: small encoder, small decoder; 1,024 tokens an image (arXiv:2110.04627, Tables 1 and 2). */
export const VIT_VQGAN_SMALL = { ...paper, encoder: VIT_SMALL, decoder: VIT_SMALL } as const satisfies ViTVQConfig;

/** ViT-VQGAN-BB: base encoder, base decoder (arXiv:2110.04627, Tables 1 and 2). */
export const VIT_VQGAN_BASE = { ...paper, encoder: VIT_BASE, decoder: VIT_BASE } as const satisfies ViTVQConfig;

/**
 * ViT-VQGAN-SL: small encoder, large decoder, the paper's largest tokenizer (Table 1); it trains no model with a large
 * encoder, because stage 2 runs the encoder only (sec. 5.1).
 */
export const VIT_VQGAN_LARGE = { ...paper, encoder: VIT_SMALL, decoder: VIT_LARGE } as const satisfies ViTVQConfig;

/** 16x16 tokens of a 256x256 image: levels, blocks and attention of taming-transformers and LlamaGen for a factor of 16. */
const factor16 = { baseChannels: 128, channelMultipliers: [1, 1, 2, 2, 4], attentionLevels: [4] } as const;
const factor8 = { baseChannels: 128, channelMultipliers: [1, 2, 2, 4], attentionLevels: [3] } as const;

/**
 * VQGAN with a factor of 16 and 16,384 codes (arXiv:2012.09841; taming-transformers, `vqgan_imagenet_f16_16384`), without
 * l2-normalisation. `vqgan_imagenet_f16_1024` has `codebookSize: 1024`.
 */
export const VQGAN_F16 = {
  imageSize: 256,
  encoder: { ...factor16, blocksPerLevel: 2 },
  decoder: { ...factor16, blocksPerLevel: 3 },
  latentChannels: 256,
  codebookSize: 16_384,
  codeDim: 256,
  normalize: false,
} as const satisfies CNNVQConfig;

/** LlamaGen's tokenizer with a factor of 16: 16,384 l2-normalised codes of 8 dimensions (arXiv:2406.06525, sec. 2.1). */
export const LLAMA_GEN_VQ_16 = { ...VQGAN_F16, codeDim: 8, normalize: true } as const satisfies CNNVQConfig;

/** LlamaGen's tokenizer with a factor of 8: 32x32 tokens of a 256x256 image. */
export const LLAMA_GEN_VQ_8 = {
  ...LLAMA_GEN_VQ_16,
  encoder: { ...factor8, blocksPerLevel: 2 },
  decoder: { ...factor8, blocksPerLevel: 3 },
} as const satisfies CNNVQConfig;

/** Weights of the paper's loss: L_VQ + 0.1 L_adversarial + 0.1 L_perceptual + 0.1 L_logit-laplace + L_2 (sec. 3.3). */
export const VIT_VQGAN_LOSSES = {
  l1: 0,
  l2: 1,
  logitLaplace: 0.1,
  quantizer: 1,
  perceptual: 0.1,
  adversarial: 0.1,
} as const satisfies Stage1LossWeights;

/**
 * Defaults of the reference's loss, `VQLPIPSWithDiscriminator`: everything with weight 1. Its `loglaplace` is the mean absolute
 * difference, `loggaussian` the squared one. (The configurations that it ships have l1: 0, perceptual: 0.1, adversarial: 0.1.)
 */
export const REFERENCE_LOSSES = {
  l1: 1,
  l2: 1,
  logitLaplace: 0,
  quantizer: 1,
  perceptual: 1,
  adversarial: 1,
} as const satisfies Stage1LossWeights;

/** Defaults of the reference's discriminator, with `vanillaAdversarialLoss`: from the first step, R1 with gamma 10, every 16 steps. */
export const REFERENCE_DISCRIMINATOR = {
  start: { step: 0 },
  adaptiveWeight: false,
  r1: { weight: 5, every: 16 },
} as const satisfies DiscriminatorPlan;

/**
 * How the paper trains stage 1 (arXiv:2110.04627, sec. 3.3 and 5.1): 500,000 steps with batches of 256, Adam with
 * decoupled weight decay for tokenizer and discriminator, 50,000 steps of warm-up to 1e-4, cosine to 5e-5; it does not clip
 * gradients. The paper says neither which adversarial loss it uses nor how strong R1 is: R1 is as in StyleGAN2 at 256x256 and in
 * the reference.
 *
 * It takes a `StyleDiscriminator`, an `LPIPS` with its weights, and a tokenizer with `output: 'logit-laplace'`. For linear
 * probes the paper leaves the perceptual term out, since VGG has seen ImageNet's labels.
 */
export const VIT_VQGAN_TRAINING = {
  duration: { steps: 500_000 },
  learningRate: { peak: 1e-4, end: 5e-5, warmup: 0.1 },
  optimizer: { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 1e-4 },
  clipNorm: null,
  losses: VIT_VQGAN_LOSSES,
  discriminator: REFERENCE_DISCRIMINATOR,
  codebook: { autoencoderShare: 0, initializeFromData: false, reviveEvery: 0 },
  seed: 0,
} as const satisfies Stage1Plan;

/** Batch size of {@link VIT_VQGAN_TRAINING} (arXiv:2110.04627, sec. 5.1). */
export const VIT_VQGAN_BATCH_SIZE = 256;

/**
 * The paper's tokenizer for one machine, where 128 million images at 256x256 cannot be had. Kept: 8x8 patches, l2-normalised
 * codes of 32 dimensions, beta, heads of 64 dimensions, logit-laplace. Smaller: images of 128x128, so that an image has 256
 * tokens; a transformer of half the width of Small with 6 blocks; 2,048 codes, because in a quarter of the tokens and far
 * fewer images rare codes would hardly ever be chosen.
 */
export const SINGLE_MACHINE = {
  ...paper,
  imageSize: 128,
  encoder: { dim: 256, depth: 6, numHeads: 4, mlpDim: 1024 },
  decoder: { dim: 256, depth: 6, numHeads: 4, mlpDim: 1024 },
  codebookSize: 2048,
  trackUsage: true,
  output: 'logit-laplace',
} as const satisfies ViTVQConfig;

/**
 * Trains {@link SINGLE_MACHINE} with the paper's losses and the shape of its schedule, made smaller by rule and not tuned by
 * trials: 3.2 million images.
 *
 * - Batches of 32 have noisier gradients than batches of 256: they are clipped, and an average of weights is what is
 *   evaluated. The learning rate stays the paper's, because narrower transformers bear a larger one.
 * - Discriminator and adversarial loss begin after the warm-up: what an untrained decoder makes is told from images by
 *   its brightness, and teaches nothing.
 * - A fifth of the steps, with an eighth of the images each, leaves codes little time to be found by chance: they start as
 *   features, and dead ones are replaced.
 */
export const SINGLE_MACHINE_TRAINING = {
  ...VIT_VQGAN_TRAINING,
  duration: { steps: 100_000 },
  clipNorm: 1,
  movingAverage: { decay: 0.999 },
  discriminator: { ...REFERENCE_DISCRIMINATOR, start: { share: 0.1 } },
  codebook: { autoencoderShare: 0, initializeFromData: true, reviveEvery: 100 },
} as const satisfies Stage1Plan;

/** Batch size of {@link SINGLE_MACHINE_TRAINING}. */
export const SINGLE_MACHINE_BATCH_SIZE = 32;

/**
 * Small enough for minutes on two cores: 32x32 images, 64 tokens, 512 codes of 8 dimensions. What differs from the paper is
 * for short runs: positions are learned, since sin-cos ones are several times larger than what an untrained patch embedding
 * says of a patch, and pixels are centred and scaled for the same reason. beta is 0.05; trials of 600 steps told it from the
 * paper's 0.25 by no more than 0.1 dB.
 */
export const QUICKSTART = {
  imageSize: 32,
  patchSize: 4,
  encoder: { dim: 128, depth: 3, numHeads: 4, mlpDim: 512 },
  decoder: { dim: 128, depth: 3, numHeads: 4, mlpDim: 512 },
  codebookSize: 512,
  codeDim: 8,
  beta: 0.05,
  trackUsage: true,
  positions: 'learned',
  pixelNormalization: { mean: 0.47, deviation: 0.25 },
} as const satisfies ViTVQConfig;

/**
 * Trains {@link QUICKSTART} in a few minutes. A codebook that starts from noise collapses in so short a run (2 % of it in
 * use), so it starts from the first batch's features, and codes that nothing chose for 25 steps are replaced.
 */
export const QUICKSTART_TRAINING = {
  duration: { minutes: 5 },
  learningRate: { peak: 1e-3, end: 0, warmup: 0.05 },
  optimizer: { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 1e-4 },
  clipNorm: 1,
  losses: { l1: 0, l2: 1, logitLaplace: 0, quantizer: 1 },
  codebook: { autoencoderShare: 0, initializeFromData: true, reviveEvery: 25 },
  seed: 0,
} as const satisfies Stage1Plan;

/** Batch size of {@link QUICKSTART_TRAINING}. */
export const QUICKSTART_BATCH_SIZE = 16;
