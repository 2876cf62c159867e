import { testOptions } from '@vitvq/test-utils';
import {
  ConvLayer,
  createDiscriminator,
  PatchDiscriminator,
  StyleBlock,
  StyleDiscriminator,
  styleDiscriminatorChannels,
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
  createDiscriminator: { create: (options) => createDiscriminator({ kind: 'patch' }, options), option: 'key' },
});
