import { testQuantizer } from '@vitvq/test-utils';
import { randomKey } from '@vitvq/core';
import { createQuantizer, ResidualQuantizer, VectorQuantizer, type QuantizerConfig } from '../src/index.js';
import { quantizerCases } from '@vitvq/test-models/quantizer-cases';

const options = { codebookSize: 7, codeDim: 4, key: randomKey(3) };
const inputShape = [2, 5, 4] as const;

for (const [type, { config, trainable }] of Object.entries(quantizerCases)) {
  testQuantizer({ name: `kind ${type}`, create: () => createQuantizer(config, randomKey(3)), inputShape, trainable });
}

/** Variants that a config reaches, by name. */
const variants: Record<string, { readonly config: QuantizerConfig; readonly trainable?: boolean }> = {
  'vector without normalisation, counting usage': {
    config: { kind: 'vector', codebookSize: 7, codeDim: 4, normalize: false, trackUsage: true },
  },
  'vector with the rotation trick': {
    config: { kind: 'vector', codebookSize: 7, codeDim: 4, gradient: 'rotation' },
  },
  'vector with drawn, diverse and orthogonal codes': {
    config: {
      kind: 'vector',
      codebookSize: 7,
      codeDim: 4,
      sampleTemperature: 0.5,
      diversityWeight: 0.3,
      orthogonalWeight: 0.2,
      orthogonalCodes: 'chosen',
    },
  },
  'ema with drawn and diverse codes': {
    config: { kind: 'ema', codebookSize: 7, codeDim: 4, sampleTemperature: 0.5, diversityWeight: 0.3 },
    trainable: false,
  },
  'residual of drawn codes': {
    config: {
      kind: 'residual',
      codeDepth: 2,
      quantizer: { kind: 'vector', codebookSize: 7, codeDim: 4, sampleTemperature: 0.5 },
    },
  },
  'gumbel without normalisation': {
    config: { kind: 'gumbel', codebookSize: 7, codeDim: 4, normalize: false, temperature: 0.5 },
  },
  'ema without normalisation': {
    config: { kind: 'ema', codebookSize: 7, codeDim: 4, normalize: false },
    trainable: false,
  },
  'residual with separate codebooks': {
    config: {
      kind: 'residual',
      codeDepth: 2,
      codebooks: 'separate',
      quantizer: { kind: 'vector', codebookSize: 7, codeDim: 4, normalize: false },
    },
  },
  'residual of gumbel': {
    config: { kind: 'residual', codeDepth: 2, quantizer: { kind: 'gumbel', codebookSize: 7, codeDim: 4 } },
  },
  'residual of ema': {
    config: { kind: 'residual', codeDepth: 2, quantizer: { kind: 'ema', codebookSize: 7, codeDim: 4 } },
    trainable: false,
  },
  'residual with a shared codebook, counting usage': {
    config: {
      kind: 'residual',
      codeDepth: 3,
      quantizer: { kind: 'vector', codebookSize: 7, codeDim: 4, normalize: false, trackUsage: true },
    },
  },
  'residual with separate codebooks of ema, counting usage': {
    config: {
      kind: 'residual',
      codeDepth: 3,
      codebooks: 'separate',
      quantizer: { kind: 'ema', codebookSize: 7, codeDim: 4, normalize: false, trackUsage: true },
    },
    trainable: false,
  },
  'residual of fsq': {
    config: { kind: 'residual', codeDepth: 3, quantizer: { kind: 'fsq', levels: [3, 5, 4, 3] } },
    trainable: false,
  },
  'simvq without a bias': {
    config: { kind: 'simvq', codebookSize: 7, codeDim: 4, useBias: false },
  },
  'residual of simvq with separate codebooks': {
    config: {
      kind: 'residual',
      codeDepth: 2,
      codebooks: 'separate',
      quantizer: { kind: 'simvq', codebookSize: 7, codeDim: 4 },
    },
  },
  'bsq with groups of bits': {
    config: { kind: 'bsq', codeDim: 4, entropyGroupSize: 3, commitmentWeight: 0.25 },
    trainable: false,
  },
  'residual of bsq': {
    config: { kind: 'residual', codeDepth: 3, quantizer: { kind: 'bsq', codeDim: 4 } },
    trainable: false,
  },
  'ibq without the entropy term': {
    config: { kind: 'ibq', codebookSize: 7, codeDim: 4, entropyWeight: 0 },
  },
  'residual of ibq': {
    config: { kind: 'residual', codeDepth: 2, quantizer: { kind: 'ibq', codebookSize: 7, codeDim: 4 } },
  },
  'grouped with a shared codebook, counting usage': {
    config: {
      kind: 'grouped',
      groups: 2,
      codebooks: 'shared',
      quantizer: { kind: 'vector', codebookSize: 7, codeDim: 2, trackUsage: true },
    },
  },
  'grouped with separate codebooks of ema, counting usage': {
    config: {
      kind: 'grouped',
      groups: 2,
      quantizer: { kind: 'ema', codebookSize: 7, codeDim: 2, normalize: false, trackUsage: true },
    },
    trainable: false,
  },
  'grouped of gumbel': {
    config: { kind: 'grouped', groups: 2, quantizer: { kind: 'gumbel', codebookSize: 7, codeDim: 2 } },
  },
  'grouped of gumbel with a shared codebook': {
    config: {
      kind: 'grouped',
      groups: 2,
      codebooks: 'shared',
      quantizer: { kind: 'gumbel', codebookSize: 7, codeDim: 2 },
    },
  },
  'grouped of bsq': {
    config: { kind: 'grouped', groups: 2, quantizer: { kind: 'bsq', codeDim: 2 } },
    trainable: false,
  },
  'product of drawn and fixed codes': {
    config: {
      kind: 'product',
      quantizers: [
        { kind: 'gumbel', codebookSize: 3, codeDim: 2 },
        { kind: 'fsq', levels: [3, 4] },
      ],
    },
  },
  'residual of lfq': {
    config: { kind: 'residual', codeDepth: 3, quantizer: { kind: 'lfq', codeDim: 4 } },
    trainable: false,
  },
};
for (const [name, { config, trainable }] of Object.entries(variants)) {
  testQuantizer({ name, create: () => createQuantizer(config, randomKey(3)), inputShape, trainable });
}

testQuantizer({
  name: 'ResidualQuantizer with the gradients of the reference',
  create: () =>
    new ResidualQuantizer({ quantizer: new VectorQuantizer(options), codeDepth: 2, referenceGradients: true }),
  inputShape,
});
