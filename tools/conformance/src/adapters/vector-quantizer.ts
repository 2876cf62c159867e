import * as tf from '@tensorflow/tfjs';
import { randomKey, type Quantizer, type ReferenceWeight } from '@vitvq/core';
import {
  ResidualQuantizer,
  residualQuantizerReferenceWeights,
  VectorQuantizer,
  vectorQuantizerReferenceWeights,
} from '@vitvq/quantizers';
import { ConfigReader } from '../config.js';
import type { Config } from '../fixture.js';
import { tensorAdapter } from './adapter.js';
import { loadWeights, runModule } from './gradients.js';

export interface BuiltQuantizer<Q extends Quantizer = Quantizer> {
  readonly quantizer: Q;
  readonly table: readonly ReferenceWeight[];
}

/** Wraps `built` as the reference's `useResidual` and `numQuantizers` say. */
export function readResidual<Q extends Quantizer>(
  reader: ConfigReader,
  { quantizer, table }: BuiltQuantizer<Q>,
): BuiltQuantizer<Q | ResidualQuantizer> {
  const codeDepth = reader.number('numQuantizers', 1);
  if (!reader.boolean('useResidual', false)) return { quantizer, table };
  return {
    quantizer: new ResidualQuantizer({ quantizer, codeDepth, referenceGradients: true }),
    table: residualQuantizerReferenceWeights(table),
  };
}

/** A quantizer from the reference's `qparams`. */
export function readVectorQuantizer(
  config: Config,
  where: string,
): BuiltQuantizer<VectorQuantizer | ResidualQuantizer> {
  const reader = new ConfigReader(config, where);
  const quantizer = new VectorQuantizer({
    codeDim: reader.number('embedDim'),
    codebookSize: reader.number('nEmbed'),
    beta: reader.number('beta', 0.25),
    normalize: reader.boolean('useNorm', true),
    key: randomKey(0),
  });
  const built = readResidual(reader, { quantizer, table: vectorQuantizerReferenceWeights() });
  reader.finish();
  return built;
}

/**
 * `VectorQuantizer`: maps of any number of axes, codes along the last; zq = sum(zq · cotangent).
 */
export const vectorQuantizer = tensorAdapter(async (fixture, execute) => {
  const { quantizer, table } = readVectorQuantizer(fixture.config, fixture.name);
  try {
    loadWeights(quantizer, table, fixture);
    return await runModule(
      {
        module: quantizer,
        table,
        inputs: ['z', 'cotangent'],
        outputs: ({ z }) => {
          const features = tf.reshape<tf.Rank.R3>(z!, [z!.shape[0], -1, quantizer.codeDim]);
          const { quantized, indices, loss } = quantizer.quantize(features);
          const depth = quantizer.codeDepth === 1 ? [] : [quantizer.codeDepth];
          return {
            zq: tf.reshape(quantized, z!.shape),
            indices: tf.reshape(indices, [...z!.shape.slice(0, -1), ...depth]),
            loss,
          };
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
