import * as tf from '@tensorflow/tfjs-core';
import { ConfigError } from '@vitvq/core';
import { collectFeatures, type LabelledBatch } from './collect-features.js';
import type { FeatureFunction } from './feature-function.js';
import type { FeatureSet } from './feature-set.js';

/** Tokens of one block. */
export interface TokenSet {
  /** Number of tokens of a sample, N; 1 where the block has one vector a sample. */
  readonly tokens: number;
  /** The block alone, its tokens one after the other, `[count, N · D]`. */
  readonly set: FeatureSet;
}

/**
 * Runs a feature function over a data set and keeps all tokens of one block in host memory, where
 * `collectFeatures` keeps their average.
 * @param features  not from `compileFeatures`, which averages
 * @throws {ConfigError} when there is no such block
 * @throws what `collectFeatures` throws
 */
export async function collectTokens<I extends tf.Tensor>(
  features: FeatureFunction<I>,
  batches: Iterable<LabelledBatch> | AsyncIterable<LabelledBatch>,
  block: string,
): Promise<TokenSet> {
  let tokens = 1;
  const flattened: FeatureFunction<I> = async (inputs) => {
    const { [block]: own, ...others } = await features(inputs);
    tf.dispose(Object.values(others));
    if (!own) {
      throw new ConfigError({
        where: 'collectTokens',
        expected: `a block "${block}"`,
        got: Object.keys(others).join(', ') || 'none',
      });
    }
    if (own.rank !== 3) return { [block]: own };
    tokens = own.shape[1]!;
    const flat = tf.reshape(own, [own.shape[0], -1]);
    own.dispose();
    return { [block]: flat };
  };
  const set = await collectFeatures(flattened, batches);
  return { tokens, set };
}
