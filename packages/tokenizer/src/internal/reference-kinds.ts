import type { ReferenceKind } from '../reference-kind.js';
import type { importedArchitectures } from './architectures.js';

interface ReferenceFacts {
  /** A name that checkpoints of this repository have, and no others. */
  readonly mark: string;
  /** Architecture of its tokenizers. */
  readonly architecture: keyof typeof importedArchitectures;
  /** Names of the tables of positions, which are computed here where they are fixed. */
  readonly positions: readonly string[];
}

/** How checkpoints of each repository are recognized. */
export const referenceKinds: Readonly<Record<ReferenceKind, ReferenceFacts>> = {
  'enhancing-transformers': {
    mark: 'encoder.to_patch_embedding.0.weight',
    architecture: 'vit',
    positions: ['encoder.en_pos_embedding', 'decoder.de_pos_embedding'],
  },
  'taming-transformers': { mark: 'encoder.down.0.block.0.norm1.weight', architecture: 'cnn', positions: [] },
  'llama-gen': { mark: 'encoder.conv_blocks.0.res.0.norm1.weight', architecture: 'cnn', positions: [] },
};

/**
 * Beginnings of the names of what checkpoints hold besides the tokenizer: discriminator and
 * perceptual network (`loss.`), EMA of weights beside the weights (`model_ema.`), statistics of
 * code use (LlamaGen's `codebook_used`; cluster sizes and sums of an EMA codebook), and a
 * projection for pictures of segmentation maps (`colorize`).
 */
const ignoredNames = [
  'loss.',
  'model_ema.',
  'quantize.codebook_used',
  'quantize.embedding.cluster_size',
  'quantize.embedding.embed_avg',
  'colorize',
] as const;

/** Returns whether a tensor of a checkpoint is no part of the tokenizer. */
export function isIgnored(name: string): boolean {
  return ignoredNames.some((start) => name.startsWith(start));
}
