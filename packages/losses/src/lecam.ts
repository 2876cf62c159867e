import * as tf from '@tensorflow/tfjs-core';
import { assertInRange, assertMembers, assertShape, checkOptions, detach, type OptionTable } from '@vitvq/core';
import { assertFloats } from './internal/checks.js';

/** Exponential moving averages of a discriminator's mean logits. */
export interface LeCamAnchors {
  /** Average for real images, alpha_R. */
  readonly real: tf.Scalar;
  /** Average for generated images, alpha_F. */
  readonly fake: tf.Scalar;
}

/** Options of {@link nextLeCamAnchor}. */
export interface LeCamAnchorOptions {
  /** Factor of the old value, in [0, 1]. @default 0.99, as in the authors' code */
  readonly decay?: number;
}

const leCamAnchorOptionNames: OptionTable<LeCamAnchorOptions> = {
  decay: 'optional',
};

/**
 * Returns the LeCam penalty for training with little data (Tseng et al. 2021, arXiv:2104.03310),
 * which keeps the logits of real images near the average of generated images and the reverse:
 *
 *     mean max(0, real - anchors.fake)^2 + mean max(0, anchors.real - fake)^2
 *
 * No gradient reaches the anchors. The caller multiplies the penalty by its weight.
 *
 * Deviation: the differences are rectified as in the authors' code; the paper squares the plain
 * differences, which also punishes logits on the far side of the anchor.
 * @param real  float32, any shape
 * @param fake  float32, any shape
 * @throws {ShapeError}
 */
export function leCamPenalty(real: tf.Tensor, fake: tf.Tensor, anchors: LeCamAnchors): tf.Scalar {
  assertFloats({ real, fake }, 'leCamPenalty');
  assertMembers(anchors, ['real', 'fake'], 'the anchors', 'leCamPenalty');
  assertShape(anchors.real, [], 'leCamPenalty, anchors.real');
  assertShape(anchors.fake, [], 'leCamPenalty, anchors.fake');
  return tf.tidy(() => {
    const above = tf.relu(tf.sub(real, detach(anchors.fake)));
    const below = tf.relu(tf.sub(detach(anchors.real), fake));
    return tf.add<tf.Scalar>(tf.mean(tf.square(above)), tf.mean(tf.square(below)));
  });
}

/**
 * Returns the next value of an anchor, `decay · anchor + (1 - decay) · mean(logits)`, without a
 * gradient.
 * @throws {ShapeError} @throws {ConfigError}
 */
export function nextLeCamAnchor(anchor: tf.Scalar, logits: tf.Tensor, options: LeCamAnchorOptions = {}): tf.Scalar {
  const { decay = 0.99 } = checkOptions(options, leCamAnchorOptionNames, 'nextLeCamAnchor');
  assertInRange(decay, 'decay', 'nextLeCamAnchor', 0, 1);
  assertShape(anchor, [], 'nextLeCamAnchor');
  assertFloats({ logits }, 'nextLeCamAnchor');
  return tf.tidy(() => tf.add<tf.Scalar>(tf.mul(detach(anchor), decay), tf.mul(tf.mean(detach(logits)), 1 - decay)));
}
