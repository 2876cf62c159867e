import * as tf from '@tensorflow/tfjs-core';
import { assertInteger, assertShape } from '@vitvq/core';

/**
 * Appends a channel with the difference between the images of a group: the standard deviation over
 * the group, averaged over positions and channels (Karras et al. 2018, arXiv:1710.10196, sec. 3;
 * groups: StyleGAN). A discriminator recognises generated images that all look alike by this
 * channel.
 *
 * All groups are of one size, the smallest that is at least `group` and divides the batch (the
 * whole batch where it is smaller). Group j has the images j, j + m, j + 2m, ... of m groups.
 *
 * Deviation: any batch size works; the reference crashes for others (batches of 9, 11, 13).
 * @param x  `[B, H, W, C]`
 * @returns  `[B, H, W, C + 1]`
 * @throws {ShapeError} @throws {ConfigError}
 */
export function minibatchStandardDeviation(x: tf.Tensor4D, group = 4): tf.Tensor4D {
  assertShape(x, ['B', 'H', 'W', 'C'], 'minibatchStandardDeviation');
  assertInteger(group, 'group', 'minibatchStandardDeviation');
  const [batch, height, width, channels] = x.shape;
  const members = groupMembers(batch, group);
  const groups = batch / members;
  return tf.tidy(() => {
    const grouped = tf.reshape<tf.Rank.R3>(x, [members, groups, height * width * channels]);
    // [groups, H·W·C]
    const variance = tf.mean(tf.square(tf.sub(grouped, tf.mean(grouped, 0, true))), 0);
    const deviation = tf.mean(tf.sqrt(tf.add(variance, 1e-8)), 1, true); // [groups, 1]
    const repeated = tf.mul(tf.expandDims(deviation, 0), tf.ones([members, groups, height * width]));
    return tf.concat([x, tf.reshape<tf.Rank.R4>(repeated, [batch, height, width, 1])], 3);
  });
}

/**
 * Returns the smallest divisor of `batch` that is at least `group`; `batch` where `group` is
 * larger.
 */
function groupMembers(batch: number, group: number): number {
  let members = Math.min(batch, group);
  while (batch % members !== 0) members++;
  return members;
}
