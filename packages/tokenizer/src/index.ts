export { type CNNVQConfig, createCNNVQ } from './create-cnn-tokenizer.js';
export { createViTVQ, type TransformerSize, type ViTVQConfig } from './create-vit-tokenizer.js';
export {
  type CheckpointEntry,
  type CheckpointTensors,
  type ImportHints,
  type InferredTokenizer,
  type QuantizerHint,
  inferTokenizerConfig,
  MissingHintError,
} from './infer-tokenizer-config.js';
export { type ReferenceKind } from './internal/reference-kinds.js';
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
export { cnnVQReferenceWeights, type ViTVQReferenceParts, viTVQReferenceWeights } from './reference-weights.js';
export {
  type ForwardOptions,
  ViTVQ,
  type ViTVQForward,
  type ViTVQImages,
  type ViTVQOptions,
  type ViTVQOutput,
  type ViTVQPass,
} from './vq-tokenizer.js';
