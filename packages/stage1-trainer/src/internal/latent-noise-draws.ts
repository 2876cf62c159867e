import * as tf from '@tensorflow/tfjs-core';
import { foldIn, randomInts, randomNormal, randomUniform, type RandomKey } from '@vitvq/core';
import type { LatentNoise, VQTokenizer } from '@vitvq/tokenizer';
import type { LatentNoiseConfig } from '../config.js';

/** What the noise of a step is made for. */
type NoisyTokenizer = Pick<VQTokenizer, 'grid' | 'vocabSize' | 'codeDepth'> & {
  readonly quantizer: Pick<VQTokenizer['quantizer'], 'codeDim'>;
};

/** Returns the fraction of images that get noise in a step. */
export function noiseProbability({ probability = 1 }: LatentNoiseConfig, step: number): number {
  if (typeof probability === 'number') return probability;
  const { start, end, steps } = probability;
  return start + (end - start) * Math.min(1, step / steps);
}

/**
 * Draws the noise of a micro-batch as a function of the key. The caller disposes of the tensors.
 * @param probability  fraction of images that get noise, in [0, 1]
 */
export function drawLatentNoise(
  config: LatentNoiseConfig,
  probability: number,
  tokenizer: NoisyTokenizer,
  images: number,
  key: RandomKey,
): LatentNoise {
  const { grid } = tokenizer;
  const tokens = grid[0] * grid[1];
  const isNoisy = [...randomUniform(foldIn(key, 0), images)].map((draw) => draw < probability);
  const weights = (weightOf: (image: number, token: number) => number): tf.Tensor3D =>
    tf.tensor3d(
      Float32Array.from({ length: images * tokens }, (_, index) => {
        const image = Math.floor(index / tokens);
        return isNoisy[image] ? weightOf(image, index) : 0;
      }),
      [images, tokens, 1],
    );
  if (config.kind === 'codes') {
    const { vocabSize, codeDepth } = tokenizer;
    const draws = randomUniform(foldIn(key, 1), images * tokens);
    const codes = randomInts(foldIn(key, 2), images * tokens * codeDepth, vocabSize);
    const shape = codeDepth === 1 ? [images, tokens] : [images, tokens, codeDepth];
    return {
      weights: weights((_, token) => Number(draws[token]! < config.rate)),
      codes: tf.tensor<tf.Rank>(codes, shape, 'int32') as tf.Tensor2D | tf.Tensor3D,
    };
  }
  const { codeDim } = tokenizer.quantizer;
  const strengths = randomUniform(foldIn(key, 1), images);
  const values = randomNormal(foldIn(key, 2), images * tokens * codeDim, 0, config.stddev);
  return {
    weights: weights((image) => strengths[image]!),
    values: tf.tensor3d(values, [images, tokens, codeDim]),
  };
}
