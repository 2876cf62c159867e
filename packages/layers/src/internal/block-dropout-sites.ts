import type { CausalAttention } from '../causal-attention.js';
import { dropoutSites, prefixDropoutSites, type DropoutRates, type DropoutSite } from '../dropout.js';

/** What of a block decides where it applies dropout. */
interface DroppingBlock {
  readonly attention: CausalAttention;
  readonly mlpDim: number;
  readonly dropout: Required<DropoutRates>;
}

/** Returns the dropout sites of a block that reads `length` tokens, by name. */
export function blockDropoutSites(
  { attention, mlpDim, dropout: { residual, activation } }: DroppingBlock,
  batchSize: number,
  length: number,
): Record<string, DropoutSite> {
  const shape = [batchSize, length, attention.dim];
  return {
    ...prefixDropoutSites(attention.dropoutSites(batchSize, length), 'attention'),
    ...dropoutSites({
      attentionResidual: { shape, rate: residual },
      activation: { shape: [batchSize, length, mlpDim], rate: activation },
      feedForwardResidual: { shape, rate: residual },
    }),
  };
}
