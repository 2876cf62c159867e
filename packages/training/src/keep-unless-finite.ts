import * as tf from '@tensorflow/tfjs-core';

/**
 * Runs `body`, which may assign `variables`, and gives them their former values back where the scalar that it returns beside
 * its result is not finite: a select, since NaN times 0 is NaN. Compiles.
 */
export function keepUnlessFinite<R>(
  variables: Iterable<tf.Variable>,
  body: () => { readonly result: R; readonly finite: tf.Scalar },
): R {
  const former = [...variables].map((variable) => [variable, variable.clone()] as const);
  const { result, finite } = body();
  const isFinite = tf.less(tf.abs(finite), Infinity);
  for (const [variable, value] of former) variable.assign(tf.where(isFinite, variable, value));
  for (const [, value] of former) value.dispose();
  return result;
}
