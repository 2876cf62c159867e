import type { CNNTokenizerConfig } from './cnn-tokenizer-config.js';
import type { TransformerSize, ViTTokenizerConfig } from './vit-tokenizer-config.js';

/** Transformer "Small" of arXiv:2110.04627, Table 2. */
export const VIT_SMALL = { dim: 512, depth: 8, numHeads: 8, mlpDim: 2048 } as const satisfies TransformerSize;

/** Transformer "Base" of arXiv:2110.04627, Table 2. */
export const VIT_BASE = { dim: 768, depth: 12, numHeads: 12, mlpDim: 3072 } as const satisfies TransformerSize;

/** Transformer "Large" of arXiv:2110.04627, Table 2. */
export const VIT_LARGE = { dim: 1280, depth: 32, numHeads: 16, mlpDim: 5120 } as const satisfies TransformerSize;

/**
 * Fields that the paper's tokenizers share (sec. 3.2, 4.1 and 5.1): 256x256 images, 8x8 patches,
 * 8,192 codes of 32 dimensions.
 */
const paper = {
  architecture: 'vit',
  imageSize: 256,
  patchSize: 8,
  quantizer: { kind: 'vector', codebookSize: 8192, codeDim: 32, beta: 0.25 },
} as const;

/**
 * ViT-VQGAN-SS: small encoder and small decoder, 1,024 tokens an image (arXiv:2110.04627, Tables 1
 * and 2).
 */
export const VIT_VQGAN_SMALL = {
  ...paper,
  encoder: VIT_SMALL,
  decoder: VIT_SMALL,
} as const satisfies ViTTokenizerConfig;

/** ViT-VQGAN-BB: base encoder and base decoder (arXiv:2110.04627, Tables 1 and 2). */
export const VIT_VQGAN_BASE = { ...paper, encoder: VIT_BASE, decoder: VIT_BASE } as const satisfies ViTTokenizerConfig;

/**
 * ViT-VQGAN-SL: small encoder and large decoder, the largest tokenizer of arXiv:2110.04627 (Table
 * 1). The paper trains no model with a large encoder, because stage 2 runs the encoder only (sec.
 * 5.1).
 */
export const VIT_VQGAN_LARGE = {
  ...paper,
  encoder: VIT_SMALL,
  decoder: VIT_LARGE,
} as const satisfies ViTTokenizerConfig;

/**
 * Resolutions and attention of taming-transformers and LlamaGen for a factor of 16: 16x16 tokens of
 * a 256x256 image.
 */
const factor16 = { baseChannels: 128, channelMultipliers: [1, 1, 2, 2, 4], attentionResolutions: [4] } as const;
const factor8 = { baseChannels: 128, channelMultipliers: [1, 2, 2, 4], attentionResolutions: [3] } as const;

/**
 * VQGAN with a factor of 16 and 16,384 codes (arXiv:2012.09841; taming-transformers,
 * `vqgan_imagenet_f16_16384`), without l2-normalisation. `vqgan_imagenet_f16_1024` has
 * `codebookSize: 1024`.
 */
export const VQGAN_F16 = {
  architecture: 'cnn',
  imageSize: 256,
  encoder: { ...factor16, blocksPerResolution: 2 },
  decoder: { ...factor16, blocksPerResolution: 3 },
  latentChannels: 256,
  quantizer: { kind: 'vector', codebookSize: 16_384, codeDim: 256, normalize: false },
} as const satisfies CNNTokenizerConfig;

/**
 * Tokenizer of LlamaGen with a factor of 16: 16,384 l2-normalised codes of 8 dimensions
 * (arXiv:2406.06525, sec. 2.1).
 */
export const LLAMA_GEN_VQ_16 = {
  ...VQGAN_F16,
  quantizer: { kind: 'vector', codebookSize: 16_384, codeDim: 8 },
} as const satisfies CNNTokenizerConfig;

/** Tokenizer of LlamaGen with a factor of 8: 32x32 tokens of a 256x256 image. */
export const LLAMA_GEN_VQ_8 = {
  ...LLAMA_GEN_VQ_16,
  encoder: { ...factor8, blocksPerResolution: 2 },
  decoder: { ...factor8, blocksPerResolution: 3 },
} as const satisfies CNNTokenizerConfig;

/**
 * Tokenizer of the paper for one machine, where 128 million images at 256x256 are out of reach. It
 * keeps 8x8 patches, l2-normalised codes of 32 dimensions, beta, heads of 64 dimensions and
 * logit-laplace. It has smaller images of 128x128, so that an image has 256 tokens; a transformer
 * of half the width of Small with 6 blocks; and 2,048 codes, because a quarter of the tokens and
 * far fewer images would hardly ever choose rare codes.
 */
export const SINGLE_MACHINE = {
  ...paper,
  imageSize: 128,
  encoder: { dim: 256, depth: 6, numHeads: 4, mlpDim: 1024 },
  decoder: { dim: 256, depth: 6, numHeads: 4, mlpDim: 1024 },
  quantizer: { ...paper.quantizer, codebookSize: 2048, trackUsage: true },
  output: 'logit-laplace',
} as const satisfies ViTTokenizerConfig;

/**
 * Tokenizer that trains in minutes on two cores: 32x32 images, 64 tokens, 512 codes of 8
 * dimensions. The config `quickstart` has two such codes a token, and convolutional pixels, beside
 * it. Two differences from the paper help short runs: positions are learned, since fixed
 * sines and cosines are several times larger than the outputs of an untrained patch embedding, and
 * pixels are centred and scaled for the same reason. beta is 0.05; in trials of 600 steps, the
 * paper's 0.25 made a difference of at most 0.1 dB.
 */
export const QUICKSTART = {
  architecture: 'vit',
  imageSize: 32,
  patchSize: 4,
  encoder: { dim: 128, depth: 3, numHeads: 4, mlpDim: 512 },
  decoder: { dim: 128, depth: 3, numHeads: 4, mlpDim: 512 },
  quantizer: { kind: 'vector', codebookSize: 512, codeDim: 8, beta: 0.05, trackUsage: true },
  positions: 'learned',
  pixelNormalization: { mean: 0.47, deviation: 0.25 },
} as const satisfies ViTTokenizerConfig;
