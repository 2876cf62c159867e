import { linearWeight, prefixReferenceWeights, sameWeight, type HostTensor, type ReferenceWeight } from '@vitvq/core';
import { layerNormReferenceWeights, linearReferenceWeights } from '@vitvq/layers';
import type { GPTOptions, RQTransformerOptions } from './transformer-options.js';

type BiasOptions = Pick<GPTOptions, 'useAttentionBias' | 'useMlpBias'>;

/** Ours lacks the leading axes of size 1 that PyTorch's broadcasting parameters have. */
function withoutLeadingAxes(name: string, referenceName: string, axes: number): ReferenceWeight {
  return {
    name,
    referenceName,
    fromReference: ({ shape, data }: HostTensor) => ({ shape: shape.slice(axes), data }),
    toReference: ({ shape, data }: HostTensor) => ({ shape: [...new Array<number>(axes).fill(1), ...shape], data }),
  };
}

function block({ useAttentionBias = true, useMlpBias = true }: BiasOptions): ReferenceWeight[] {
  const attention = linearReferenceWeights({ useBias: useAttentionBias });
  const mlp = linearReferenceWeights({ useBias: useMlpBias });
  return [
    ...prefixReferenceWeights(layerNormReferenceWeights(), 'attentionNorm', 'ln1'),
    ...prefixReferenceWeights(layerNormReferenceWeights(), 'feedForwardNorm', 'ln2'),
    withoutLeadingAxes('attention.timeMix', 'attn.time_mix', 2),
    ...prefixReferenceWeights(attention, 'attention.key', 'attn.key'),
    ...prefixReferenceWeights(attention, 'attention.query', 'attn.query'),
    ...prefixReferenceWeights(attention, 'attention.value', 'attn.value'),
    ...prefixReferenceWeights(attention, 'attention.output', 'attn.proj'),
    ...prefixReferenceWeights(mlp, 'hidden', 'mlp.p0'),
    ...prefixReferenceWeights(mlp, 'output', 'mlp.p1'),
  ];
}

function blocks(depth: number, prefix: string, referencePrefix: string, options: BiasOptions): ReferenceWeight[] {
  return Array.from({ length: depth }, (_, index) =>
    prefixReferenceWeights(block(options), `${prefix}.blocks.${index}`, `${referencePrefix}.${index}`),
  ).flat();
}

const embedding: readonly ReferenceWeight[] = [
  sameWeight('embedding.conditions', 'tok_emb_cond.weight'),
  withoutLeadingAxes('embedding.conditionPositions', 'pos_emb_cond', 1),
  sameWeight('embedding.tokens', 'tok_emb_code.weight'),
  withoutLeadingAxes('embedding.positions', 'pos_emb_code', 1),
];

/** Weights of the reference's `GPT`: time mixing, one position a token. */
export function gptReferenceWeights({ depth, ...options }: Pick<GPTOptions, 'depth'> & BiasOptions): ReferenceWeight[] {
  return [
    ...embedding,
    ...blocks(depth, 'transformer', 'blocks', options),
    ...prefixReferenceWeights(layerNormReferenceWeights(), 'transformer.norm', 'layer_norm'),
    linearWeight('head.weight', 'head.weight'),
  ];
}

/** Weights of the reference's `RQTransformer`. */
export function rqTransformerReferenceWeights({
  spatial,
  depth,
  ...options
}: {
  readonly [Stack in 'spatial' | 'depth']: Pick<RQTransformerOptions[Stack], 'depth'>;
} & BiasOptions): ReferenceWeight[] {
  return [
    ...embedding,
    withoutLeadingAxes('depthPositions', 'pos_emb_depth', 1),
    ...blocks(spatial.depth, 'spatial', 'spatial_transformer', options),
    ...blocks(depth.depth, 'depth', 'depth_transformer', options),
    ...prefixReferenceWeights(layerNormReferenceWeights(), 'spatial.norm', 'ln_spatial'),
    ...prefixReferenceWeights(layerNormReferenceWeights(), 'depth.norm', 'ln_depth'),
    linearWeight('head.weight', 'head.weight'),
  ];
}
