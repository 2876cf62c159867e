import * as tf from '@tensorflow/tfjs-core';
import { testOptions } from '@vitvq/test-utils';
import {
  classifyByNeighbors,
  fitSoftmaxProbe,
  holdOut,
  hostBatches,
  pixelFeatures,
  probe,
  probeBlocks,
  probeByAttention,
  sweepRegularization,
  type FeatureSet,
  type LabelledFeatures,
} from '../src/index.js';

const features: LabelledFeatures = { block: 'b', dim: 1, data: Float32Array.of(0, 1), labels: Int32Array.of(0, 1) };
const set: FeatureSet = { count: 2, labels: features.labels, blocks: new Map([['b', features]]) };

testOptions({
  classifyByNeighbors: { create: (options) => classifyByNeighbors(features, features, options), option: 'temperature' },
  probe: { create: (options) => probe((inputs) => ({ inputs }), options), option: 'attention' },
  probeByAttention: {
    create: (options) => probeByAttention({ train: features, validation: features, test: features }, options),
    option: 'tokens',
  },
  'probeByAttention, sets': {
    create: (sets) => probeByAttention(sets, { classes: 2, tokens: 1 }),
    option: 'validation',
  },
  fitSoftmaxProbe: { create: (options) => fitSoftmaxProbe(features, options), option: 'gradientTolerance' },
  holdOut: { create: (options) => holdOut(set, options), option: 'fraction' },
  hostBatches: {
    create: (options) => [...hostBatches({ shape: [2, 1], data: features.data }, [0, 1], options)],
    option: 'batchSize',
    isOptional: true,
  },
  pixelFeatures: {
    create: (options) => pixelFeatures(tf.zeros([1, 2, 2, 1]), options),
    option: 'pool',
    isOptional: true,
  },
  probeBlocks: {
    create: (options) => probeBlocks({ train: set, validation: set, test: set }, options),
    option: 'tokenizerSawLabels',
  },
  'probeBlocks, sets': {
    create: (sets) => probeBlocks(sets, { classes: 2, tokenizerSawLabels: false }),
    option: 'validation',
  },
  sweepRegularization: {
    create: (options) => sweepRegularization(features, features, options),
    option: 'maximumIterations',
  },
});
