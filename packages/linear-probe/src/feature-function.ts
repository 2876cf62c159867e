import * as tf from '@tensorflow/tfjs-core';
import { formatShape, ShapeError } from '@vitvq/core';
import { compile, type CompiledFunction, type CompileOptions } from '@vitvq/engine';

/** Features by name of the block: tokens `[B, N, D]`, or one vector a sample, `[B, D]`. */
export type NamedFeatures = Readonly<Record<string, tf.Tensor>>;

/**
 * Images `[B, H, W, C]`, tokens `[B, N]`, or whatever a model takes, to features of any of its blocks. One call gives all
 * blocks that are probed, so that the model runs once. Results are disposed of by whoever calls it.
 */
export type FeatureFunction<I extends tf.Tensor = tf.Tensor> = (inputs: I) => NamedFeatures | Promise<NamedFeatures>;

/**
 * A feature function that runs on the chosen engine and gives averages over tokens. Where the engine does not compile, it runs
 * eagerly, and intermediate tensors are disposed of.
 * @param features  plain TensorFlow.js code that can be compiled; a model that cannot be goes to `collectFeatures` as it is
 * @param options  `variables: 'frozen'` makes a model of moderate size faster
 */
export function compileFeatures<I extends tf.Tensor>(
  features: (inputs: I) => NamedFeatures,
  { name = 'features', ...options }: CompileOptions = {},
): CompiledFunction<(inputs: I) => NamedFeatures> {
  return compile(
    (inputs: I): NamedFeatures =>
      Object.fromEntries(
        Object.entries(features(inputs)).map(([block, tensor]) => [block, averageTokens(tensor, block)]),
      ),
    { name, ...options },
  );
}

/**
 * The average over tokens (arXiv:2110.04627, section 4.2), `[B, N, D]` to `[B, D]`; a vector a sample stays as it is. float32.
 * @throws {ShapeError} naming the block
 */
export function averageTokens(features: tf.Tensor, block: string): tf.Tensor2D {
  if (features.rank === 3) return tf.mean<tf.Tensor2D>(tf.cast(features, 'float32'), 1);
  if (features.rank === 2) return tf.cast(features as tf.Tensor2D, 'float32');
  throw new ShapeError({
    where: `features of block "${block}"`,
    expected: 'shape [B, N, D] or [B, D]',
    got: formatShape(features.shape),
    fix: 'Flatten feature maps [B, H, W, D] to [B, H x W, D].',
  });
}
