import type { RandomKey, ReferenceWeight } from '@vitvq/core';
import type { QuantizerKinds } from '@vitvq/quantizers';
import type { z } from 'zod';
import type { ReferenceKind } from '../reference-kind.js';
import type { TokenizerConfig } from '../tokenizer-config.js';
import type { VQTokenizer } from '../vq-tokenizer.js';

/** Row of the table of architectures: what its configs look like, and what they build. */
export interface Architecture<C = TokenizerConfig<QuantizerKinds>> {
  /**
   * Returns the schema of a config; unknown keys are problems. `more` holds schemas of fields that
   * stand beside those of the config, so that their problems are told together.
   */
  schema(quantizers: QuantizerKinds, more?: z.ZodRawShape): z.ZodType<C>;
  /** Builds the tokenizer of a config that was checked; errors name `where`. */
  create(config: C, key: RandomKey, quantizers: QuantizerKinds, where: string): VQTokenizer;
}

/** Architecture whose weights PyTorch checkpoints hold too. */
export interface ImportedArchitecture<C = TokenizerConfig<QuantizerKinds>> extends Architecture<C> {
  /** Returns where a PyTorch reference of this architecture keeps the weights. */
  referenceWeights(config: C & TokenizerConfig, reference: ReferenceKind, where: string): ReferenceWeight[];
}
