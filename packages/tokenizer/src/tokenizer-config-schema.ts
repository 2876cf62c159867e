import { bottleneckKinds, type QuantizerKinds } from '@vitvq/quantizers';
import { z } from 'zod';
import { architectures } from './internal/architectures.js';
import type { TokenizerConfig } from './tokenizer-config.js';

/**
 * Returns the schema of a {@link TokenizerConfig}: that of the architecture which the config names.
 * Unknown keys are problems.
 * @param quantizers  the kinds of quantizers that a config may ask for
 */
export function tokenizerConfigSchema(
  quantizers: QuantizerKinds = bottleneckKinds,
): z.ZodType<TokenizerConfig, TokenizerConfig> {
  const rows = Object.values(architectures).map((architecture) => architecture.schema(quantizers));
  // The schemas of the table are objects that `architecture` tells apart.
  return z.discriminatedUnion('architecture', rows as unknown as Discriminated) as unknown as z.ZodType<
    TokenizerConfig,
    TokenizerConfig
  >;
}

type Discriminated = [z.core.$ZodTypeDiscriminable, ...z.core.$ZodTypeDiscriminable[]];
