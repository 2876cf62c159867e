import { testQuantizer } from '@vitvq/test-utils';
import { randomKey } from '@vitvq/core';
import {
  FiniteScalarQuantizer,
  GumbelQuantizer,
  LookupFreeQuantizer,
  MovingAverageQuantizer,
  ResidualQuantizer,
  VectorQuantizer,
} from '../src/index.js';

const options = { codebookSize: 7, codeDim: 4, key: randomKey(3) };
const inputShape = [2, 5, 4] as const;

testQuantizer({ name: 'VectorQuantizer', create: () => new VectorQuantizer(options), inputShape });

testQuantizer({
  name: 'VectorQuantizer without normalisation, counting usage',
  create: () => new VectorQuantizer({ ...options, normalize: false, trackUsage: true }),
  inputShape,
});

testQuantizer({
  name: 'VectorQuantizer with the rotation trick',
  create: () => new VectorQuantizer({ ...options, gradient: 'rotation' }),
  inputShape,
  straightThrough: false,
});

testQuantizer({
  name: 'GumbelQuantizer',
  create: () => new GumbelQuantizer(options),
  inputShape,
  straightThrough: false,
});

testQuantizer({
  name: 'GumbelQuantizer without normalisation',
  create: () => new GumbelQuantizer({ ...options, normalize: false, temperature: 0.5 }),
  inputShape,
  straightThrough: false,
});

testQuantizer({
  name: 'ResidualQuantizer with one codebook',
  create: () => new ResidualQuantizer({ quantizer: new VectorQuantizer(options), levels: 3 }),
  inputShape,
});

testQuantizer({
  name: 'ResidualQuantizer with a codebook a level',
  create: () =>
    new ResidualQuantizer({
      quantizers: [1, 2].map((seed) => new VectorQuantizer({ ...options, normalize: false, key: randomKey(seed) })),
    }),
  inputShape,
});

testQuantizer({
  name: 'ResidualQuantizer with the gradients of the reference',
  create: () => new ResidualQuantizer({ quantizer: new VectorQuantizer(options), levels: 2, referenceGradients: true }),
  inputShape,
});

testQuantizer({
  name: 'ResidualQuantizer of GumbelQuantizer',
  create: () => new ResidualQuantizer({ quantizer: new GumbelQuantizer(options), levels: 2 }),
  inputShape,
  straightThrough: false,
});

testQuantizer({
  name: 'FiniteScalarQuantizer',
  create: () => new FiniteScalarQuantizer({ channelLevels: [3, 5, 4, 3] }),
  inputShape,
  straightThrough: false,
  trainable: false,
});

testQuantizer({
  name: 'LookupFreeQuantizer',
  create: () => new LookupFreeQuantizer({ codeDim: 4, entropyGroupSize: 3 }),
  inputShape,
  trainable: false,
});

testQuantizer({
  name: 'MovingAverageQuantizer',
  create: () => new MovingAverageQuantizer(options),
  inputShape,
  trainable: false,
});

testQuantizer({
  name: 'MovingAverageQuantizer without normalisation',
  create: () => new MovingAverageQuantizer({ ...options, normalize: false }),
  inputShape,
  trainable: false,
});

testQuantizer({
  name: 'ResidualQuantizer of MovingAverageQuantizer',
  create: () => new ResidualQuantizer({ quantizer: new MovingAverageQuantizer(options), levels: 2 }),
  inputShape,
  trainable: false,
});
