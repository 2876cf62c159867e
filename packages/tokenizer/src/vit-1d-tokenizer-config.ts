import type { BuiltInBottleneckKinds, QuantizerKinds } from '@vitvq/quantizers';
import type { ViTTokenizerConfig } from './vit-tokenizer-config.js';

/**
 * Tokenizer of a sequence of latent tokens (TiTok, Yu et al. 2024, arXiv:2406.07550) as data that
 * JSON holds. Positions are learned.
 */
export interface ViT1DTokenizerConfig<K extends QuantizerKinds = BuiltInBottleneckKinds> extends Omit<
  ViTTokenizerConfig<K>,
  'architecture' | 'positions'
> {
  readonly architecture: 'vit-1d';
  /** Number of tokens that an image becomes, whatever the number of its patches. */
  readonly latentTokens: number;
  /**
   * Numbers of tokens of which the tokenizer learns to make an image, ascending, `latentTokens`
   * last (nested dropout); see `VQTokenizerOptions`. @default all tokens alone
   */
  readonly nestedLengths?: readonly number[];
}
