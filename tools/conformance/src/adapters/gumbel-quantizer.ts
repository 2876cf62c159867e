import * as tf from '@tensorflow/tfjs';
import { DataError, randomKey, type Quantizer } from '@vitvq/core';
import { GumbelQuantizer, gumbelQuantizerReferenceWeights, type ResidualQuantizer } from '@vitvq/quantizers';
import { ConfigReader } from '../config.js';
import type { Config } from '../fixture.js';
import { tensorAdapter } from './adapter.js';
import { loadWeights, runModule } from './gradients.js';
import { readResidual, type BuiltQuantizer } from './vector-quantizer.js';

/** A quantizer from the reference's `qparams`. */
export function readGumbelQuantizer(
  config: Config,
  where: string,
): BuiltQuantizer<GumbelQuantizer | ResidualQuantizer> {
  const reader = new ConfigReader(config, where);
  const quantizer = new GumbelQuantizer({
    codeDim: reader.number('embedDim'),
    codebookSize: reader.number('nEmbed'),
    temperature: reader.number('tempInit', 1),
    normalize: reader.boolean('useNorm', true),
    key: randomKey(0),
    noise: 'gumbel',
  });
  const built = readResidual(reader, { quantizer, table: gumbelQuantizerReferenceWeights() });
  reader.finish();
  return built;
}

/**
 * Options of a pass with a case's noise `[L, B, N, K]`; a quantizer with one level takes it without
 * the first axis.
 */
export function withNoise(
  { codeDepth }: Quantizer,
  noise: tf.Tensor,
  training: boolean,
): { training: boolean; noise: tf.Tensor } {
  return { training, noise: codeDepth === 1 ? tf.squeeze(noise, [0]) : noise };
}

/** `GumbelQuantizer`: features `[B, N, E]`, noise `[L, B, N, K]`; zq = sum(zq · cotangent). */
export const gumbelQuantizer = tensorAdapter(async (fixture, execute) => {
  const { training = true, ...config } = fixture.config;
  if (typeof training !== 'boolean') {
    throw new DataError({
      where: fixture.name,
      expected: 'training to be true or false',
      got: JSON.stringify(training),
    });
  }
  const { quantizer, table } = readGumbelQuantizer(config, fixture.name);
  try {
    loadWeights(quantizer, table, fixture);
    return await runModule(
      {
        module: quantizer,
        table,
        inputs: ['z', 'cotangent', 'gumbel'],
        outputs: ({ z, gumbel }) => {
          const options = withNoise(quantizer, gumbel!, training);
          const { quantized, indices, loss } = quantizer.quantize(z as tf.Tensor3D, options);
          return { zq: quantized, indices, loss };
        },
        scalars: ({ cotangent }, { zq, loss }) => ({ zq: tf.sum(tf.mul(zq!, cotangent!)), loss: loss! }),
      },
      fixture,
      execute,
    );
  } finally {
    quantizer.dispose();
  }
});
