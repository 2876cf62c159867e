import { randomKey } from '@vitvq/core';
import { attentionCases } from '@vitvq/test-models/attention-cases';
import { testDecoder, testEncoder } from '@vitvq/test-utils';
import { CNNDecoder, CNNEncoder, ViT1DDecoder, ViT1DEncoder, ViTDecoder, ViTEncoder } from '../src/index.js';

const parts = (prefix: string, names: readonly string[]): string[] => names.map((name) => `${prefix}.${name}`);
const both = (prefix: string): string[] => parts(prefix, ['weight', 'bias']);
const norm = (prefix: string): string[] => parts(prefix, ['scale', 'bias']);

/** Of blocks whose channels stay as they are. */
const residualBlock = (prefix: string): string[] => [
  ...norm(`${prefix}.firstNorm`),
  ...both(`${prefix}.firstConvolution`),
  ...norm(`${prefix}.secondNorm`),
  ...both(`${prefix}.secondConvolution`),
];
const attention = (prefix: string): string[] => [
  ...norm(`${prefix}.norm`),
  ...['query', 'key', 'value', 'output'].flatMap((name) => both(`${prefix}.${name}`)),
];
const transformerBlock = (prefix: string): string[] => [
  ...norm(`${prefix}.attentionNorm`),
  `${prefix}.attention.qkv.weight`,
  ...both(`${prefix}.attention.output`),
  ...norm(`${prefix}.feedForwardNorm`),
  ...both(`${prefix}.feedForward.hidden`),
  ...both(`${prefix}.feedForward.output`),
];
const middle = [
  ...residualBlock('middle.firstBlock'),
  ...attention('middle.attention'),
  ...residualBlock('middle.secondBlock'),
];

const vit = {
  imageSize: [4, 9],
  patchSize: [2, 3],
  dim: 8,
  depth: 2,
  numHeads: 2,
  mlpDim: 12,
  channels: 2,
  key: randomKey(5),
} as const;
const blocks = [...transformerBlock('blocks.0'), ...transformerBlock('blocks.1'), ...norm('norm')];

for (const positions of ['sincos', 'learned'] as const) {
  const table = positions === 'learned' ? ['positions'] : [];
  testEncoder({
    name: `ViTEncoder with ${positions} positions`,
    create: () => new ViTEncoder({ ...vit, positions }),
    imageShape: [2, 4, 9, 2],
    variableNames: [...table, ...both('patchEmbedding'), ...blocks],
  });
  testDecoder({
    name: `ViTDecoder with ${positions} positions`,
    create: () => new ViTDecoder({ ...vit, positions }),
    imageShape: [4, 9, 2],
    variableNames: [...table, ...blocks, ...both('pixels')],
  });
}

testEncoder({
  name: 'ViTEncoder that recomputes',
  create: () => new ViTEncoder({ ...vit, recompute: true }),
  imageShape: [2, 4, 9, 2],
  variableNames: [...both('patchEmbedding'), ...blocks],
});

/** Variables that a kind of attention has besides those of full attention. */
const ownVariables: Partial<Record<string, string[]>> = {
  windowed: ['bias'],
  linformer: ['keyProjection', 'valueProjection'],
  performer: ['features'],
};

for (const [kind, attention] of Object.entries(attentionCases)) {
  const options = { ...vit, imageSize: [8, 12], attention } as const;
  const own = parts('mechanism', ownVariables[kind] ?? []);
  const ofBlock = (index: number): string[] =>
    transformerBlock(`blocks.${index}`).flatMap((name) =>
      name === `blocks.${index}.attention.output.bias` ? [name, ...parts(`blocks.${index}.attention`, own)] : [name],
    );
  const names = [...ofBlock(0), ...ofBlock(1), ...norm('norm')];
  testEncoder({
    name: `ViTEncoder with attention of kind ${kind}`,
    create: () => new ViTEncoder(options),
    imageShape: [2, 8, 12, 2],
    variableNames: [...both('patchEmbedding'), ...names],
  });
  testDecoder({
    name: `ViTDecoder with attention of kind ${kind}`,
    create: () => new ViTDecoder(options),
    imageShape: [8, 12, 2],
    variableNames: [...names, ...both('pixels')],
  });
}

for (const recompute of [false, true]) {
  testEncoder({
    name: `ViT1DEncoder${recompute ? ' that recomputes' : ''}`,
    create: () => new ViT1DEncoder({ ...vit, latentTokens: 3, recompute }),
    imageShape: [2, 4, 9, 2],
    variableNames: ['patchPositions', 'latentTokens', ...both('patchEmbedding'), ...blocks],
  });
  testDecoder({
    name: `ViT1DDecoder${recompute ? ' that recomputes' : ''}`,
    create: () => new ViT1DDecoder({ ...vit, latentTokens: 3, recompute }),
    imageShape: [4, 9, 2],
    variableNames: ['maskToken', 'patchPositions', 'latentPositions', ...blocks, ...both('pixels')],
  });
}

const cnn = {
  imageSize: [4, 6],
  baseChannels: 4,
  channelMultipliers: [1, 2],
  blocksPerResolution: 1,
  attentionResolutions: [0],
  dim: 3,
  numGroups: 2,
  key: randomKey(0),
} as const;

testEncoder({
  name: 'CNNEncoder',
  create: () => new CNNEncoder(cnn),
  imageShape: [2, 4, 6, 3],
  variableNames: [
    ...both('input'),
    ...residualBlock('levels.0.blocks.0'),
    ...attention('levels.0.attention.0'),
    ...both('levels.0.downsample'),
    ...residualBlock('levels.1.blocks.0'),
    ...both('levels.1.blocks.0.shortcut'),
    ...middle,
    ...norm('norm'),
    ...both('output'),
  ],
});

testDecoder({
  name: 'CNNDecoder',
  create: () => new CNNDecoder(cnn),
  imageShape: [4, 6, 3],
  variableNames: [
    ...both('input'),
    ...middle,
    ...residualBlock('levels.1.blocks.0'),
    ...both('levels.1.upsample'),
    ...residualBlock('levels.0.blocks.0'),
    ...both('levels.0.blocks.0.shortcut'),
    ...attention('levels.0.attention.0'),
    ...norm('norm'),
    ...both('output'),
  ],
});
