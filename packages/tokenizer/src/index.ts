export { type CNNTokenizerConfig } from './cnn-tokenizer-config.js';
export { createTokenizer } from './create-tokenizer.js';
export {
  type CheckpointEntry,
  type CheckpointTensors,
  type ImportHints,
  type InferredTokenizer,
  type QuantizerHint,
  inferTokenizerConfig,
  MissingHintError,
} from './infer-tokenizer-config.js';
export { type LatentNoise } from './latent-noise.js';
export {
  LLAMA_GEN_VQ_16,
  LLAMA_GEN_VQ_8,
  QUICKSTART,
  SINGLE_MACHINE,
  VIT_BASE,
  VIT_LARGE,
  VIT_SMALL,
  VIT_VQGAN_BASE,
  VIT_VQGAN_LARGE,
  VIT_VQGAN_SMALL,
  VQGAN_F16,
} from './presets.js';
export { type ReferenceKind } from './reference-kind.js';
export {
  cnnTokenizerReferenceWeights,
  type TokenizerReferenceParts,
  vitTokenizerReferenceWeights,
} from './reference-weights.js';
export { type TokenizerConfig } from './tokenizer-config.js';
export { tokenizerConfigSchema } from './tokenizer-config-schema.js';
export { type ViT1DTokenizerConfig } from './vit-1d-tokenizer-config.js';
export { type TransformerSize, type ViTDecoderSize, type ViTTokenizerConfig } from './vit-tokenizer-config.js';
export {
  type EncodeOptions,
  type ForwardOptions,
  type PixelNormalization,
  VQTokenizer,
  type VQTokenizerForward,
  type VQTokenizerImages,
  type VQTokenizerOptions,
  type VQTokenizerOutput,
} from './vq-tokenizer.js';
