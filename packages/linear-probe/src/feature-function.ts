import * as tf from '@tensorflow/tfjs-core';
import { formatShape, ShapeError } from '@vitvq/core';
import { compile, type CompiledFunction, type CompileOptions } from '@vitvq/engine';

/**
 * Features by name of the block: one vector for each token, `[B, N, D]`, or for each sample, `[B,
 * D]`.
 */
export type NamedFeatures = Readonly<Record<string, tf.Tensor>>;

/**
 * Maps the inputs of a model, such as images `[B, H, W, C]` or tokens `[B, N]`, to the features of
 * its blocks. One call returns all blocks that are probed, so that the model runs once. The caller
 * disposes of the results.
 */
export type FeatureFunction<I extends tf.Tensor = tf.Tensor> = (inputs: I) => NamedFeatures | Promise<NamedFeatures>;

/**
 * Compiles a feature function for the chosen engine; the compiled function averages features over
 * the tokens. Where the engine does not compile, the function runs eagerly and its intermediate
 * tensors are disposed of.
 * @param features  plain TensorFlow.js code that can be compiled; pass a model that cannot to
 * `collectFeatures` as it is
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
 * Averages features over the tokens (arXiv:2110.04627, section 4.2), `[B, N, D]` to float32 `[B,
 * D]`; features `[B, D]` stay as they are.
 * @throws {ShapeError} naming the block for features of another rank
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
