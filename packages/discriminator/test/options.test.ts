import { randomKey } from '@vitvq/core';
import { testOptions } from '@vitvq/test-utils';
import { expect, it } from 'vitest';
import {
  ConvLayer,
  convLayerReferenceWeights,
  createDiscriminator,
  PatchDiscriminator,
  patchDiscriminatorReferenceWeights,
  StyleBlock,
  StyleDiscriminator,
  styleDiscriminatorChannels,
  styleDiscriminatorReferenceWeights,
} from '../src/index.js';

testOptions({
  ConvLayer: { create: (options) => new ConvLayer(options), option: 'downsample' },
  StyleBlock: { create: (options) => new StyleBlock(options), option: 'outChannels' },
  StyleDiscriminator: { create: (options) => new StyleDiscriminator(options), option: 'channels' },
  PatchDiscriminator: { create: (options) => new PatchDiscriminator(options), option: 'normalization' },
  styleDiscriminatorChannels: {
    create: (options) => styleDiscriminatorChannels(options),
    option: 'multiplier',
    isOptional: true,
  },
  convLayerReferenceWeights: {
    create: (options) => convLayerReferenceWeights(options),
    option: 'activate',
    isOptional: true,
  },
  patchDiscriminatorReferenceWeights: {
    create: (options) => patchDiscriminatorReferenceWeights(options),
    option: 'depth',
    isOptional: true,
  },
  styleDiscriminatorReferenceWeights: {
    create: (options) => styleDiscriminatorReferenceWeights(options),
    option: 'size',
  },
  createDiscriminator: { create: (options) => createDiscriminator({ kind: 'patch' }, options), option: 'key' },
});

it('PatchDiscriminator refuses a text that normalization cannot be', () => {
  expect(() => new PatchDiscriminator({ normalization: 'batchnorm' as never, key: randomKey(1) })).toThrow(
    'normalization to be one of batch-norm, act-norm, got "batchnorm" (did you mean "batch-norm"?).',
  );
});
