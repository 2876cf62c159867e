import type { QuantizerConfig, quantizerKinds } from '@vitvq/quantizers';

/**
 * What tests need of a kind: a config of 4 channels, and whether an optimizer moves its variables.
 */
export interface QuantizerCase {
  readonly config: QuantizerConfig;
  readonly trainable: boolean;
}

const table = { codebookSize: 7, codeDim: 4 };

/** One line for each kind of quantizer; the type asks for the line of a new one. */
export const quantizerCases: Readonly<Record<keyof typeof quantizerKinds, QuantizerCase>> = {
  vector: { config: { kind: 'vector', ...table }, trainable: true },
  ema: { config: { kind: 'ema', ...table, trackUsage: true }, trainable: false },
  gumbel: { config: { kind: 'gumbel', ...table }, trainable: true },
  residual: { config: { kind: 'residual', codeDepth: 3, quantizer: { kind: 'vector', ...table } }, trainable: true },
  fsq: { config: { kind: 'fsq', levels: [3, 5, 4, 3] }, trainable: false },
  lfq: { config: { kind: 'lfq', codeDim: 4, entropyGroupSize: 3 }, trainable: false },
  bsq: { config: { kind: 'bsq', codeDim: 4 }, trainable: false },
  diveq: { config: { kind: 'diveq', ...table, trackUsage: true }, trainable: true },
  ibq: { config: { kind: 'ibq', ...table }, trainable: true },
  grouped: {
    config: { kind: 'grouped', groups: 2, quantizer: { kind: 'vector', codebookSize: 7, codeDim: 2 } },
    trainable: true,
  },
  product: {
    config: {
      kind: 'product',
      quantizers: [
        { kind: 'vector', codebookSize: 3, codeDim: 1, normalize: false, trackUsage: true },
        { kind: 'vector', codebookSize: 4, codeDim: 3, trackUsage: true },
      ],
    },
    trainable: true,
  },
  simvq: { config: { kind: 'simvq', ...table }, trainable: true },
};
