import { testOptions } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { randomKey } from '@vitvq/core';
import {
  BinarySphericalQuantizer,
  closestCodes,
  createQuantizer,
  DifferentiableVectorQuantizer,
  EMAQuantizer,
  FiniteScalarQuantizer,
  GroupedQuantizer,
  GumbelQuantizer,
  IndexBackpropagationQuantizer,
  kMeans,
  LookupFreeQuantizer,
  ProductQuantizer,
  ResidualQuantizer,
  SimVectorQuantizer,
  VectorQuantizer,
} from '../src/index.js';

const codebook = { shape: [2, 1], data: Float32Array.of(0, 1) };

testOptions({
  VectorQuantizer: { create: (options) => new VectorQuantizer(options), option: 'codebookSize' },
  EMAQuantizer: { create: (options) => new EMAQuantizer(options), option: 'decay' },
  FiniteScalarQuantizer: { create: (options) => new FiniteScalarQuantizer(options), option: 'levels' },
  GroupedQuantizer: { create: (options) => new GroupedQuantizer(options), option: 'groups' },
  GumbelQuantizer: { create: (options) => new GumbelQuantizer(options), option: 'temperature' },
  LookupFreeQuantizer: { create: (options) => new LookupFreeQuantizer(options), option: 'entropyWeight' },
  ProductQuantizer: { create: (options) => new ProductQuantizer(options), option: 'quantizers' },
  ResidualQuantizer: { create: (options) => new ResidualQuantizer(options), option: 'codeDepth' },
  SimVectorQuantizer: { create: (options) => new SimVectorQuantizer(options), option: 'useBias' },
  BinarySphericalQuantizer: { create: (options) => new BinarySphericalQuantizer(options), option: 'entropyWeight' },
  IndexBackpropagationQuantizer: {
    create: (options) => new IndexBackpropagationQuantizer(options),
    option: 'codebookWeight',
  },
  DifferentiableVectorQuantizer: {
    create: (options) => new DifferentiableVectorQuantizer(options),
    option: 'noiseDeviation',
  },
  closestCodes: { create: (options) => closestCodes(codebook, options), option: 'pairs', isOptional: true },
  kMeans: {
    create: (options) => kMeans(tf.ones([2, 1]), tf.ones([1, 1]), options),
    option: 'iterations',
    isOptional: true,
  },
  'createQuantizer, the config': {
    create: (config: object) => createQuantizer({ kind: 'vector', ...config } as never, randomKey(0)),
    option: 'codebookSize',
  },
});
