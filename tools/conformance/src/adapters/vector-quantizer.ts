import * as tf from '@tensorflow/tfjs';
import { randomKey } from '@vitvq/core';
import type { RandomKey } from '@vitvq/core';
import { VectorQuantizer, vectorQuantizerReferenceWeights, type VectorQuantizerOptions } from '@vitvq/quantizers';
import { ConfigReader } from '../config.js';
import type { Config } from '../fixture.js';
import { tensorAdapter } from './adapter.js';
import { loadWeights, runModule } from './gradients.js';

/** Options of a quantizer from the reference's `qparams`. */
export function readQuantizerOptions(
  config: Config,
  where: string,
  key: RandomKey = randomKey(0),
): VectorQuantizerOptions {
  const reader = new ConfigReader(config, where);
  const options = {
    codeDim: reader.number('embedDim'),
    codebookSize: reader.number('nEmbed'),
    beta: reader.number('beta', 0.25),
    normalize: reader.boolean('useNorm', true),
    key,
  };
  // Residual cases are left out before they come here; if not, their keys are unknown.
  if (config.useResidual !== true) reader.ignore('useResidual', 'numQuantizers');
  reader.finish();
  return options;
}

/** `VectorQuantizer`: maps of any number of axes, codes along the last; zq = sum(zq · cotangent). */
export const vectorQuantizer = tensorAdapter(async (fixture, execute) => {
  const module = new VectorQuantizer(readQuantizerOptions(fixture.config, fixture.name));
  const table = vectorQuantizerReferenceWeights();
  try {
    loadWeights(module, table, fixture);
    return await runModule(
      {
        module,
        table,
        inputs: ['z', 'cotangent'],
        outputs: ({ z }) => {
          const { quantized, indices, loss } = module.quantize(tf.reshape(z!, [z!.shape[0], -1, module.codeDim]));
          return {
            zq: tf.reshape(quantized, z!.shape),
            indices: tf.reshape(indices, z!.shape.slice(0, -1)),
            loss,
          };
        },
        scalars: ({ cotangent }, { zq, loss }) => ({ zq: tf.sum(tf.mul(zq!, cotangent!)), loss: loss! }),
      },
      fixture,
      execute,
    );
  } finally {
    module.dispose();
  }
});
