import { checkOptions, type OptionTable } from '@vitvq/core';
import {
  bottleneckKinds,
  type BuiltInBottleneckKinds,
  type ConfiguredQuantizer,
  type QuantizerConfig,
  type QuantizerKinds,
} from '@vitvq/quantizers';
import { buildTokenizer } from './internal/build-tokenizer.js';
import type { TokenizerConfig } from './tokenizer-config.js';
import type { VQTokenizer } from './vq-tokenizer.js';

interface CreateTokenizerOptions {
  readonly seed: number;
  readonly quantizers?: QuantizerKinds;
}

const createTokenizerOptionNames: OptionTable<CreateTokenizerOptions> = { seed: 'required', quantizers: 'optional' };

/**
 * Builds the tokenizer of a config: for `architecture: 'vit'` a {@link VQTokenizer} of `ViTEncoder`
 * and `ViTDecoder` (ViT-VQGAN, arXiv:2110.04627, sec. 3), for `'vit-1d'` one of `ViT1DEncoder` and
 * `ViT1DDecoder` (TiTok, arXiv:2406.07550), for `'cnn'` one of `CNNEncoder` and `CNNDecoder`, as
 * VQGAN (arXiv:2012.09841) and LlamaGen (arXiv:2406.06525) have, whose `quant_conv` and
 * `post_quant_conv` are the tokenizer's two projections. For other encoders and decoders, call
 * `new VQTokenizer({ encoder, quantizer, decoder, key })`.
 * @param config  a preset (`VIT_VQGAN_SMALL`, `VQGAN_F16`, ...) or one of the caller
 * @param options  `seed`: an integer in [0, 2^53), of which the initial weights are a function.
 *   `quantizers`: the kinds of quantizers that the config may ask for, `{ ...bottleneckKinds, mine
 *   }` to add one
 * @throws {ConfigError} naming every problem of config and seed at once
 */
export function createTokenizer<Q extends QuantizerConfig<BuiltInBottleneckKinds>>(
  config: TokenizerConfig & { readonly quantizer: Q },
  options: { readonly seed: number },
): VQTokenizer<ConfiguredQuantizer<Q>>;
export function createTokenizer<K extends QuantizerKinds, Q extends QuantizerConfig<K>>(
  config: TokenizerConfig<K> & { readonly quantizer: Q },
  options: { readonly seed: number; readonly quantizers: K },
): VQTokenizer<ConfiguredQuantizer<Q, K>>;
export function createTokenizer(config: unknown, options: CreateTokenizerOptions): VQTokenizer {
  const { seed, quantizers = bottleneckKinds } = checkOptions(options, createTokenizerOptionNames, 'createTokenizer');
  return buildTokenizer(config, seed, 'createTokenizer', quantizers);
}
