import * as tf from '@tensorflow/tfjs-core';
import { foldIn, randomInts, randomKey, randomNormal, type Module } from '@vitvq/core';
import {
  AnyOrderTransformer,
  GPT,
  MaskedTransformer,
  RAR,
  RQTransformer,
  type GPTOptions,
  type ImageTokens,
  type OrderFreeOptions,
  type RAROptions,
  type RQTransformerOptions,
} from '@vitvq/transformers';

/** Returns N(0, stddev²) values of a seed. */
export function normal<R extends tf.Rank = tf.Rank>(shape: number[], seed: number, stddev = 1): tf.Tensor<R> {
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor<R>(randomNormal(randomKey(seed), size, 0, stddev), shape as tf.ShapeMap[R]);
}

/** Returns int32 values in [0, size) of a seed. */
export function tokensOf<R extends tf.Rank = tf.Rank>(shape: number[], size: number, seed: number): tf.Tensor<R> {
  const count = shape.reduce((a, b) => a * b, 1);
  return tf.tensor<R>(randomInts(randomKey(seed), count, size), shape as tf.ShapeMap[R], 'int32');
}

/** Returns a tensor with the type that models take; the test knows its rank. */
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

/** Choices of blocks as LlamaGen's. */
export const modernBlocks = {
  positions: 'rotary',
  norm: 'rms',
  feedForward: 'swiglu',
  queryKeyNorm: 'rms',
  useTimeMixing: false,
  useAttentionBias: false,
  useMlpBias: false,
} as const;

/** Choices of blocks and head as BERT's, and MaskGIT's. */
export const bertBlocks = {
  normPlacement: 'post',
  normEpsilon: 1e-12,
  activation: 'gelu-tanh',
  head: 'tied',
} as const;

/** Returns a GPT of 12 tokens after 2 condition tokens. */
export function tinyGPT(options: Partial<GPTOptions> = {}): GPT {
  return shake(new GPT({ ...tiny, numHeads: 2, depth: 2, ...options }));
}

/** Returns an RQTransformer of 12 tokens with a code depth of 3. */
export function tinyRQ(options: Partial<RQTransformerOptions> = {}): RQTransformer {
  const stacks = { codeDepth: 3, spatial: { depth: 2, numHeads: 2 }, depth: { depth: 2, numHeads: 4 } };
  return shake(new RQTransformer({ ...tiny, ...stacks, ...options }));
}

/** Returns a masked transformer of 12 tokens after 2 condition tokens. */
export function tinyMasked(options: Partial<OrderFreeOptions> = {}): MaskedTransformer {
  return shake(new MaskedTransformer({ ...tiny, numHeads: 2, depth: 2, ...options }));
}

/** Returns an any-order transformer of 12 tokens after 2 condition tokens. */
export function tinyAnyOrder(options: Partial<OrderFreeOptions> = {}): AnyOrderTransformer {
  return shake(new AnyOrderTransformer({ ...tiny, numHeads: 2, depth: 2, ...options }));
}

/** Returns a RAR of 12 tokens. */
export function tinyRAR(options: Partial<RAROptions> = {}): RAR {
  return shake(new RAR({ ...tiny, conditionLength: 1, numHeads: 2, depth: 2, ...options }));
}
