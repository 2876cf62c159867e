import * as tf from '@tensorflow/tfjs-core';

/**
 * Runs `body`, which may assign `variables`, and restores their former values where the scalar that
 * `body` returns beside its result is not finite. The choice is a select, since NaN times 0 is NaN.
 * Plain tensor code, which compiles.
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
