import type { TransformerSize, ViTVQConfig } from './create-vitvq.js';
import type { Stage1Plan } from './stage1-plan.js';

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

/**
 * How the paper trains stage 1 (arXiv:2110.04627, sec. 3.3 and 5.1): 500,000 steps with batches of 256, Adam with
 * decoupled weight decay, 50,000 steps of warm-up to 1e-4, cosine to 5e-5. Its loss is L_VQ + 0.1 L_adversarial +
 * 0.1 L_perceptual + 0.1 L_logit-laplace + L_2. This plan leaves out the adversarial and perceptual terms, which need a
 * discriminator and a network of pretrained features, and logit-laplace, which needs a decoder with
 * `output: 'logit-laplace'`: set `losses.logitLaplace` to 0.1 for such a model. The paper does not clip gradients.
 */
export const VIT_VQGAN_TRAINING = {
  duration: { steps: 500_000 },
  learningRate: { peak: 1e-4, end: 5e-5, warmup: 0.1 },
  optimizer: { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 1e-4 },
  clipNorm: null,
  losses: { l1: 0, l2: 1, logitLaplace: 0, quantizer: 1 },
  codebook: { autoencoderShare: 0, initializeFromData: false, reviveEvery: 0 },
  seed: 0,
} as const satisfies Stage1Plan;

/** Batch size of {@link VIT_VQGAN_TRAINING} (arXiv:2110.04627, sec. 5.1). */
export const VIT_VQGAN_BATCH_SIZE = 256;

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
