import type { RandomKey, ReferenceWeight } from '@vitvq/core';
import {
  cnnDecoderReferenceWeights,
  cnnEncoderReferenceWeights,
  vitDecoderReferenceWeights,
  vitEncoderReferenceWeights,
  type CNNNaming,
} from '@vitvq/layers';
import { quantizerKinds, quantizerReferenceWeights } from '@vitvq/quantizers';
import { buildCNNVQ, type CNNVQConfig } from '../create-cnn-tokenizer.js';
import { buildViTVQ, type ViTVQConfig } from '../create-vit-tokenizer.js';
import type { TokenizerConfig } from '../node/tokenizer-folder.js';
import { cnnVQReferenceWeights, viTVQReferenceWeights } from '../reference-weights.js';
import type { ViTVQ } from '../vq-tokenizer.js';

/** Whose tokenizer a checkpoint holds: the repositories thuanz123/enhancing-transformers, CompVis/taming-transformers, FoundationVision/LlamaGen. */
export type ReferenceKind = 'enhancing-transformers' | 'taming-transformers' | 'llama-gen';

interface KindFacts {
  /** A name that its checkpoints have, and no others. */
  readonly mark: string;
  /** The tables of positions, which are computed here where they are fixed. */
  readonly positions: readonly string[];
  build(config: TokenizerConfig, key: RandomKey, where: string): ViTVQ;
  weights(config: TokenizerConfig, where: string): ReferenceWeight[];
}

function convolutional(mark: string, naming: CNNNaming): KindFacts {
  return {
    mark,
    positions: [],
    build: (config, key, where) => buildCNNVQ(config, key, where, quantizerKinds),
    weights: (config, where) => {
      const { encoder, decoder } = config as CNNVQConfig;
      return cnnVQReferenceWeights({
        encoder: cnnEncoderReferenceWeights(encoder, naming),
        decoder: cnnDecoderReferenceWeights(decoder, naming),
        quantizer: quantizerReferenceWeights(config.quantizer, where),
      });
    },
  };
}

export const referenceKinds: Record<ReferenceKind, KindFacts> = {
  'enhancing-transformers': {
    mark: 'encoder.to_patch_embedding.0.weight',
    positions: ['encoder.en_pos_embedding', 'decoder.de_pos_embedding'],
    build: (config, key, where) => buildViTVQ(config, key, where, quantizerKinds),
    weights: (config, where) => {
      const { encoder, decoder, ...shared } = config as ViTVQConfig;
      return viTVQReferenceWeights({
        encoder: vitEncoderReferenceWeights({ ...shared, ...encoder }),
        decoder: vitDecoderReferenceWeights({ ...shared, ...decoder }),
        quantizer: quantizerReferenceWeights(config.quantizer, where),
      });
    },
  },
  'taming-transformers': convolutional('encoder.down.0.block.0.norm1.weight', 'taming'),
  'llama-gen': convolutional('encoder.conv_blocks.0.res.0.norm1.weight', 'llama-gen'),
};

/**
 * What checkpoints hold besides the tokenizer, by the beginning of the names:
 * discriminator and perceptual network (`loss.`), averages of weights beside the weights (`model_ema.`), statistics of code
 * use (LlamaGen's `codebook_used`; cluster sizes and sums of codes that follow averages), a projection for pictures
 * of segmentation maps (`colorize`).
 */
const ignoredNames = [
  'loss.',
  'model_ema.',
  'quantize.codebook_used',
  'quantize.embedding.cluster_size',
  'quantize.embedding.embed_avg',
  'colorize',
] as const;

export function isIgnored(name: string): boolean {
  return ignoredNames.some((start) => name.startsWith(start));
}
