import type { BuiltInBottleneckKinds, QuantizerKinds } from '@vitvq/quantizers';
import type { CNNTokenizerConfig } from './cnn-tokenizer-config.js';
import type { ViT1DTokenizerConfig } from './vit-1d-tokenizer-config.js';
import type { ViTTokenizerConfig } from './vit-tokenizer-config.js';

/** Tokenizer of any architecture as data that JSON holds: everything but the seed. */
export type TokenizerConfig<K extends QuantizerKinds = BuiltInBottleneckKinds> =
  ViTTokenizerConfig<K> | ViT1DTokenizerConfig<K> | CNNTokenizerConfig<K>;
