import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import {
  Module,
  checkOptions,
  prefixReferenceWeights,
  split,
  type OptionTable,
  type RandomKey,
  type ReferenceWeight,
} from '@vitvq/core';
import { scaledDotProductAttention } from './scaled-dot-product-attention.js';
import { GroupNorm, groupNormReferenceWeights } from './group-norm.js';
import type { Linear } from './linear.js';
import { pointwiseConvolution, pointwiseConvolutionReferenceWeights } from './pointwise-convolution.js';

/** Options of {@link SpatialAttention}. */
export interface SpatialAttentionOptions {
  /** Channels of the feature maps. */
  readonly channels: number;
  /** Groups of the norm. @default 32 */
  readonly numGroups?: number;
  readonly key: RandomKey;
}

const spatialAttentionOptionNames: OptionTable<SpatialAttentionOptions> = {
  channels: 'required',
  numGroups: 'optional',
  key: 'required',
};

/**
 * Attention x + output(attention(norm(x))) of every pixel of a feature map to every other, with one
 * head of all channels (VQGAN, arXiv:2012.09841, appendix). Variables: `norm.…`, and `query`,
 * `key`, `value` and `output` with `weight` and `bias` each.
 */
export class SpatialAttention extends Module {
  readonly channels: number;
  readonly #norm: GroupNorm;
  readonly #query: Linear;
  readonly #key: Linear;
  readonly #value: Linear;
  readonly #output: Linear;

  constructor(options: SpatialAttentionOptions) {
    super();
    const { channels, numGroups, key } = checkOptions(options, spatialAttentionOptionNames, 'SpatialAttention', {
      allowOthers: true,
    });
    this.channels = channels;
    const keys = split(key, 4);
    const projection = (name: string, at: number): Linear =>
      this.child(name, pointwiseConvolution(channels, channels, keys[at]!));
    this.#norm = this.child('norm', new GroupNorm({ channels, numGroups }));
    this.#query = projection('query', 0);
    this.#key = projection('key', 1);
    this.#value = projection('value', 2);
    this.#output = projection('output', 3);
  }

  /**
   * Maps `[B, H, W, C]` to the same shape.
   * @throws {ShapeError} when the input has other channels
   */
  apply(x: Tensor4D): Tensor4D {
    const [batch, height, width] = x.shape;
    return tf.tidy(() => {
      const normalized = this.#norm.apply(x);
      const project = (projection: Linear): Tensor4D =>
        tf.reshape(projection.apply(normalized), [batch, 1, height * width, this.channels]);
      const [query, key, value] = [project(this.#query), project(this.#key), project(this.#value)];
      const attended = scaledDotProductAttention(query, key, value, this.channels ** -0.5);
      return tf.add(x, tf.reshape(this.#output.apply(attended), x.shape));
    });
  }
}

/** Returns the weights of the `AttnBlock` of taming-transformers and LlamaGen. */
export function spatialAttentionReferenceWeights(): ReferenceWeight[] {
  const projection = pointwiseConvolutionReferenceWeights();
  return [
    ...prefixReferenceWeights(groupNormReferenceWeights(), 'norm', 'norm'),
    ...prefixReferenceWeights(projection, 'query', 'q'),
    ...prefixReferenceWeights(projection, 'key', 'k'),
    ...prefixReferenceWeights(projection, 'value', 'v'),
    ...prefixReferenceWeights(projection, 'output', 'proj_out'),
  ];
}
