import { randomKey } from '@vitvq/core';
import { testDiscriminator } from '@vitvq/test-utils';
import { PatchDiscriminator, StyleDiscriminator, styleDiscriminatorChannels } from '../src/index.js';

const key = randomKey(7);
const layer = (prefix: string): string[] => [`${prefix}.bias`, `${prefix}.convolution.weight`];
const both = (prefix: string): string[] => [`${prefix}.weight`, `${prefix}.bias`];

testDiscriminator({
  name: 'StyleDiscriminator',
  create: () => new StyleDiscriminator({ size: [8, 14], channels: styleDiscriminatorChannels({ width: 4 }), key }),
  imageShape: [3, 8, 14, 3],
  variableNames: [
    ...layer('input'),
    ...layer('blocks.0.conv1'),
    ...layer('blocks.0.conv2'),
    'blocks.0.skip.convolution.weight',
    ...layer('finalConvolution'),
    ...both('finalLinear.0'),
    ...both('finalLinear.1'),
  ],
});

testDiscriminator({
  name: 'PatchDiscriminator with batch norm',
  create: () => new PatchDiscriminator({ baseChannels: 3, depth: 1, key }),
  imageShape: [3, 8, 10, 3],
  variableNames: [
    ...both('input'),
    'blocks.0.convolution.weight',
    ...both('blocks.0.normalization'),
    ...['runningMean', 'runningVariance', 'batchesSeen'].map((name) => `blocks.0.normalization.${name}`),
    ...both('output'),
  ],
});

testDiscriminator({
  name: 'PatchDiscriminator with ActNorm',
  create: () => new PatchDiscriminator({ baseChannels: 3, depth: 1, normalization: 'act-norm', key }),
  imageShape: [3, 8, 10, 3],
  variableNames: [
    ...both('input'),
    ...both('blocks.0.convolution'),
    ...['loc', 'scale', 'initialized'].map((name) => `blocks.0.normalization.${name}`),
    ...both('output'),
  ],
});
