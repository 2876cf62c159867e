import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, assertShape, ConfigError } from '@vitvq/core';
import type { NamedFeatures } from './feature-function.js';

/** Whose features a block's are: the model's, or a baseline's. */
export type BlockKind = 'model' | 'pixels' | 'untrained';

const pixelBlock = 'pixels';
const untrainedPrefix = 'untrained ';

/**
 * The baseline without any network: the raw pixels, as block `pixels`. Spread it into the result of a feature function.
 * @param images  `[B, H, W, C]`
 * @param options  `pool`: side of the squares that are averaged, a divisor of H and W, where the pixels are too many. 1 by default
 * @returns  `{ pixels: [B, H / pool · W / pool · C] }`
 * @throws {ShapeError}
 * @throws {ConfigError}
 */
export function pixelFeatures(images: tf.Tensor4D, { pool = 1 }: { readonly pool?: number } = {}): NamedFeatures {
  const where = 'pixelFeatures';
  assertShape(images, ['B', 'H', 'W', 'C'], where);
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
 * The baseline of a random network: the same blocks of a twin of the model that was never trained, renamed to `untrained …`.
 * Spread it into the result of a feature function. What a probe reaches on them, the architecture gives for nothing.
 */
export function untrainedFeatures(features: NamedFeatures): NamedFeatures {
  return Object.fromEntries(Object.entries(features).map(([block, tensor]) => [`${untrainedPrefix}${block}`, tensor]));
}

/** By the names that `pixelFeatures` and `untrainedFeatures` give. */
export function kindOfBlock(block: string): BlockKind {
  if (block === pixelBlock) return 'pixels';
  return block.startsWith(untrainedPrefix) ? 'untrained' : 'model';
}
