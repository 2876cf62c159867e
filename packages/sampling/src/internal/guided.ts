import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import type { Conditions } from '@vitvq/transformers';

/** Returns the conditions, and after them those that stand for none, where guidance needs them. */
export function withUnconditional(conditions: Conditions, unconditional: Conditions | undefined): Conditions {
  return unconditional ? (tf.concat<Tensor>([conditions, unconditional], 0) as Conditions) : conditions;
}

/**
 * Returns u + scale (c - u) (Ho and Salimans 2022) of logits `[2 B, ..]`, those with condition
 * before those without; or the logits as they are, without a scale.
 */
export function guided<T extends Tensor>(logits: T, scale: Scalar | undefined): T {
  if (!scale) return logits;
  const [conditional, unconditional] = tf.split(logits, 2, 0) as [T, T];
  return tf.add(unconditional, tf.mul(scale, tf.sub(conditional, unconditional)));
}
