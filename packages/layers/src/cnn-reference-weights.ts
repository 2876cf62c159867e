import { prefixReferenceWeights, type ReferenceWeight } from '@vitvq/core';
import { convolutionReferenceWeights } from './convolution.js';
import { groupNormReferenceWeights } from './group-norm.js';
import { planLevels, type CNNShape } from './internal/cnn-plan.js';
import { residualBlockReferenceWeights } from './residual-block.js';
import { spatialAttentionReferenceWeights } from './spatial-attention.js';

/** Whose names: CompVis/taming-transformers (VQGAN), or FoundationVision/LlamaGen, the same network under other names. */
export type CNNNaming = 'taming' | 'llama-gen';

interface Names {
  readonly level: (level: number, levels: number, side: 'encoder' | 'decoder') => string;
  readonly block: string;
  readonly middle: readonly [block: string, attention: string, block: string];
}

const names: Record<CNNNaming, Names> = {
  taming: {
    level: (level, _levels, side) => `${side === 'encoder' ? 'down' : 'up'}.${level}`,
    block: 'block',
    middle: ['mid.block_1', 'mid.attn_1', 'mid.block_2'],
  },
  'llama-gen': {
    // Levels are counted in the order in which they are computed.
    level: (level, levels, side) => `conv_blocks.${side === 'encoder' ? level : levels - 1 - level}`,
    block: 'res',
    middle: ['mid.0', 'mid.1', 'mid.2'],
  },
};

/** Weights of the `Encoder` of taming-transformers or LlamaGen. */
export function cnnEncoderReferenceWeights(shape: CNNShape, naming: CNNNaming = 'taming'): ReferenceWeight[] {
  return referenceWeights(shape, 'encoder', names[naming]);
}

/** Weights of the `Decoder` of taming-transformers or LlamaGen. */
export function cnnDecoderReferenceWeights(shape: CNNShape, naming: CNNNaming = 'taming'): ReferenceWeight[] {
  return referenceWeights(shape, 'decoder', names[naming]);
}

function referenceWeights(
  shape: CNNShape,
  side: 'encoder' | 'decoder',
  { level, block, middle }: Names,
): ReferenceWeight[] {
  const { levels, innerChannels } = planLevels(shape, side, 'reference weights');
  const resample = side === 'encoder' ? 'downsample' : 'upsample';
  const middleBlock = residualBlockReferenceWeights({ inChannels: innerChannels, outChannels: innerChannels });
  return [
    ...prefixReferenceWeights(convolutionReferenceWeights(), 'input', 'conv_in'),
    ...levels.flatMap((plan) => {
      const [ours, theirs] = [`levels.${plan.level}`, level(plan.level, levels.length, side)];
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
