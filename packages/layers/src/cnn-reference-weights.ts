import { prefixReferenceWeights, type ReferenceWeight } from '@vitvq/core';
import { convolutionReferenceWeights } from './convolution.js';
import { groupNormReferenceWeights } from './group-norm.js';
import { planResolutions, type CNNShape } from './internal/cnn-plan.js';
import { residualBlockReferenceWeights } from './residual-block.js';
import { spatialAttentionReferenceWeights } from './spatial-attention.js';

/**
 * Repository whose names a checkpoint has: CompVis/taming-transformers (VQGAN), or
 * FoundationVision/LlamaGen, which has the same network under other names.
 */
export type CNNNaming = 'taming' | 'llama-gen';

interface Names {
  readonly resolution: (index: number, count: number, side: 'encoder' | 'decoder') => string;
  readonly block: string;
  readonly middle: readonly [block: string, attention: string, block: string];
}

const names: Record<CNNNaming, Names> = {
  taming: {
    resolution: (index, _count, side) => `${side === 'encoder' ? 'down' : 'up'}.${index}`,
    block: 'block',
    middle: ['mid.block_1', 'mid.attn_1', 'mid.block_2'],
  },
  'llama-gen': {
    // Resolutions are counted in the order in which they are computed.
    resolution: (index, count, side) => `conv_blocks.${side === 'encoder' ? index : count - 1 - index}`,
    block: 'res',
    middle: ['mid.0', 'mid.1', 'mid.2'],
  },
};

/** Returns the weights of the `Encoder` of taming-transformers or LlamaGen. */
export function cnnEncoderReferenceWeights(shape: CNNShape, naming: CNNNaming = 'taming'): ReferenceWeight[] {
  return referenceWeights(shape, 'encoder', names[naming]);
}

/** Returns the weights of the `Decoder` of taming-transformers or LlamaGen. */
export function cnnDecoderReferenceWeights(shape: CNNShape, naming: CNNNaming = 'taming'): ReferenceWeight[] {
  return referenceWeights(shape, 'decoder', names[naming]);
}

function referenceWeights(
  shape: CNNShape,
  side: 'encoder' | 'decoder',
  { resolution, block, middle }: Names,
): ReferenceWeight[] {
  const { resolutions, innerChannels } = planResolutions(shape, side, 'reference weights');
  const resample = side === 'encoder' ? 'downsample' : 'upsample';
  const middleBlock = residualBlockReferenceWeights({ inChannels: innerChannels, outChannels: innerChannels });
  return [
    ...prefixReferenceWeights(convolutionReferenceWeights(), 'input', 'conv_in'),
    ...resolutions.flatMap((plan) => {
      const [ours, theirs] = [`levels.${plan.index}`, resolution(plan.index, resolutions.length, side)];
      return [
        ...plan.blocks.flatMap((channels, index) => [
          ...prefixReferenceWeights(
            residualBlockReferenceWeights(channels),
            `${ours}.blocks.${index}`,
            `${theirs}.${block}.${index}`,
          ),
          ...(plan.hasAttention
            ? prefixReferenceWeights(
                spatialAttentionReferenceWeights(),
                `${ours}.attention.${index}`,
                `${theirs}.attn.${index}`,
              )
            : []),
        ]),
        ...(plan.resamples
          ? prefixReferenceWeights(convolutionReferenceWeights(), `${ours}.${resample}`, `${theirs}.${resample}.conv`)
          : []),
      ];
    }),
    ...prefixReferenceWeights(middleBlock, 'middle.firstBlock', middle[0]),
    ...prefixReferenceWeights(spatialAttentionReferenceWeights(), 'middle.attention', middle[1]),
    ...prefixReferenceWeights(middleBlock, 'middle.secondBlock', middle[2]),
    ...prefixReferenceWeights(groupNormReferenceWeights(), 'norm', 'norm_out'),
    ...prefixReferenceWeights(convolutionReferenceWeights(), 'output', 'conv_out'),
  ];
}
