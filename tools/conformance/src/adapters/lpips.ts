import * as tf from '@tensorflow/tfjs';
import { DataError } from '@vitvq/core';
import { LPIPS, LPIPS_SCALING, lpipsReferenceWeights, type VGG16Channels } from '@vitvq/losses';
import { ConfigReader } from '../config.js';
import type { LoadedCase } from '../fixture.js';
import { tensorAdapter } from './adapter.js';
import { loadHashedWeights, loadWeights, runModule, toChannelsFirst, toChannelsLast } from './gradients.js';

/** The network of a case's `vggChannels`, its weights loaded from the case's. */
export function readLPIPS(channels: readonly number[], fixture: LoadedCase): LPIPS {
  const module = new LPIPS({ channels: channels as VGG16Channels });
  loadWeights(module, lpipsReferenceWeights(), fixture);
  return module;
}

/** Cases give images in [-1, 1], the library takes them in [0, 1]. */
function toUnit(images: tf.Tensor): tf.Tensor4D {
  return tf.div(tf.add(toChannelsLast(images), 1), 2);
}

/** `[B]` to `[B, 1, 1, 1]`. */
function onePixel(distances: tf.Tensor1D): tf.Tensor4D {
  return tf.reshape(distances, [-1, 1, 1, 1]);
}

/** `LPIPS`: distance = mean(distance); features are those of `inputs`. */
export const lpips = tensorAdapter(async (fixture, execute) => {
  const reader = new ConfigReader(fixture.config, fixture.name);
  const channels = reader.numbers('vggChannels', []);
  if (!reader.optional('net', 'vgg')) {
    throw new DataError({ where: fixture.name, expected: 'net vgg', got: 'none' });
  }
  reader.finish();
  const module = new LPIPS({ channels: channels as VGG16Channels });
  const table = lpipsReferenceWeights();
  try {
    if (fixture.hashWeights) {
      loadHashedWeights(module, table, fixture.hashWeights, (hash, shape, name, index) => {
        // Constants of the network, not weights.
        if (name === 'scaling_layer.shift') return LPIPS_SCALING.shift[index]!;
        if (name === 'scaling_layer.scale') return LPIPS_SCALING.scale[index]!;
        if (name.startsWith('lin')) return 0.25 + 0.2 * hash;
        return shape.length === 4 ? hash * Math.sqrt(6 / (9 * shape[1]!)) : 0.1 + 0.1 * hash;
      });
    } else loadWeights(module, table, fixture);
    return await runModule(
      {
        module,
        table,
        inputs: ['inputs', 'reconstructions'],
        outputs: ({ inputs, reconstructions }) => {
          const [images, others] = [toUnit(inputs!), toUnit(reconstructions!)];
          const named = (name: string, tensors: readonly tf.Tensor4D[]): [string, tf.Tensor4D][] =>
            tensors.map((tensor, index) => [`${name}${index}`, tensor]);
          return {
            distance: onePixel(module.distance(images, others)),
            ...Object.fromEntries(named('layer', module.layerDistances(images, others).map(onePixel))),
            ...Object.fromEntries(named('feature', module.features(images).map(toChannelsFirst))),
          };
        },
        scalars: (_, { distance }) => ({ distance: tf.mean(distance!) }),
      },
      fixture,
      execute,
    );
  } finally {
    module.dispose();
  }
});
