import * as tf from '@tensorflow/tfjs-core';
import {
  assertChannelsLast,
  assertInteger,
  assertShape,
  checkOptions,
  ConfigError,
  type OptionTable,
} from '@vitvq/core';
import type { NamedFeatures } from './feature-function.js';

/** Origin of the features of a block: the model, or a baseline. */
export type BlockKind = 'model' | 'pixels' | 'untrained';

const pixelBlock = 'pixels';
const untrainedPrefix = 'untrained ';

const pixelFeaturesOptionNames: OptionTable<{ readonly pool?: number }> = {
  pool: 'optional',
};

/**
 * Returns the raw pixels as block `pixels`: the baseline without a network. Spread the result into
 * that of a feature function.
 * @param images  `[B, H, W, C]`
 * @param options  `pool`: side of the squares that are averaged, a divisor of H and W, to have
 * fewer features. 1 by default
 * @returns  `{ pixels: [B, H / pool · W / pool · C] }`
 * @throws {ShapeError} unless the images have four axes, with the channels last
 * @throws {ConfigError} unless `pool` divides H and W
 */
export function pixelFeatures(images: tf.Tensor4D, options: { readonly pool?: number } = {}): NamedFeatures {
  const where = 'pixelFeatures';
  const { pool = 1 } = checkOptions(options, pixelFeaturesOptionNames, where);
  assertShape(images, ['B', 'H', 'W', 'C'], where);
  assertChannelsLast(images.shape, where);
  assertInteger(pool, 'pool', where);
  const [batch, height, width, channels] = images.shape;
  if (height % pool !== 0 || width % pool !== 0) {
    throw new ConfigError({ where, expected: `pool to divide ${height} and ${width}`, got: String(pool) });
  }
  const [rows, columns] = [height / pool, width / pool];
  const pixels = tf.tidy(() => {
    const ofRows = tf.mean(tf.reshape(images, [batch, rows, pool, width * channels]), 2);
    return tf.reshape(tf.mean(tf.reshape(ofRows, [batch, rows * columns, pool, channels]), 2), [batch, -1]);
  });
  return { [pixelBlock]: pixels };
}

/**
 * Renames the blocks of an untrained twin of the model to `untrained …`: the baseline of a random
 * network. Spread the result into that of a feature function. The accuracy of a probe on these
 * blocks is what the architecture gives without training.
 */
export function untrainedFeatures(features: NamedFeatures): NamedFeatures {
  return Object.fromEntries(Object.entries(features).map(([block, tensor]) => [`${untrainedPrefix}${block}`, tensor]));
}

/**
 * Returns the kind of a block from its name, as `pixelFeatures` and `untrainedFeatures` give it.
 */
export function kindOfBlock(block: string): BlockKind {
  if (block === pixelBlock) return 'pixels';
  return block.startsWith(untrainedPrefix) ? 'untrained' : 'model';
}
