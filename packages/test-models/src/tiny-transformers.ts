import * as tf from '@tensorflow/tfjs-core';
import { foldIn, randomInts, randomKey, randomNormal, type Module } from '@vitvq/core';
import { GPT, RQTransformer, type GPTOptions, type ImageTokens, type RQTransformerOptions } from '@vitvq/transformers';

/** N(0, stddev²) values of a seed. */
export function normal<R extends tf.Rank = tf.Rank>(shape: number[], seed: number, stddev = 1): tf.Tensor<R> {
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor<R>(randomNormal(randomKey(seed), size, 0, stddev), shape as tf.ShapeMap[R]);
}

/** int32 values in [0, size) of a seed. */
export function tokensOf<R extends tf.Rank = tf.Rank>(shape: number[], size: number, seed: number): tf.Tensor<R> {
  const count = shape.reduce((a, b) => a * b, 1);
  return tf.tensor<R>(randomInts(randomKey(seed), count, size), shape as tf.ShapeMap[R], 'int32');
}

/** A tensor of tokens as models take it; what its rank is, the test knows. */
export function imageTokens(tensor: tf.Tensor): ImageTokens {
  return tensor as ImageTokens;
}

/** Moves every variable by noise, so that scales of 1, biases and positions of 0 hide nothing. */
export function shake<M extends Module>(module: M, seed = 99, stddev = 0.3): M {
  [...module.namedVariables().values()].forEach((variable, index) => {
    const noise = randomNormal(foldIn(randomKey(seed), index), variable.size, 0, stddev);
    tf.tidy(() => variable.assign(tf.add(variable, tf.tensor(noise, variable.shape))));
  });
  return module;
}

const tiny = {
  vocabSize: 11,
  grid: [3, 4],
  conditionVocabSize: 5,
  conditionLength: 2,
  dim: 8,
  key: randomKey(1),
} as const;

/** 12 positions, 2 conditions; 13 slots. */
export function tinyGPT(options: Partial<GPTOptions> = {}): GPT {
  return shake(new GPT({ ...tiny, numHeads: 2, depth: 2, ...options }));
}

/** 12 positions of 3 levels. */
export function tinyRQ(options: Partial<RQTransformerOptions> = {}): RQTransformer {
  const stacks = { levels: 3, spatial: { depth: 2, numHeads: 2 }, depth: { depth: 2, numHeads: 4 } };
  return shake(new RQTransformer({ ...tiny, ...stacks, ...options }));
}
