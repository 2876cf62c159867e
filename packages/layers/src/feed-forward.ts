import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import {
  Module,
  checkOptions,
  prefixReferenceWeights,
  split,
  type OptionTable,
  type RandomKey,
  type ReferenceWeight,
} from '@vitvq/core';
import { activate, assertActivation, type Activation } from './activations.js';
import { Linear, linearReferenceWeights } from './linear.js';

/** Options of {@link FeedForward}. */
export interface FeedForwardOptions {
  /** Width of a token. */
  readonly dim: number;
  /** Width of the hidden layer. */
  readonly mlpDim: number;
  /**
   * Activation between the two layers. @default 'tanh', as in the reference (the paper names tanh
   * in section 3.1 without saying where it stands in the block)
   */
  readonly activation?: Activation;
  readonly key: RandomKey;
}

/** Names of the options {@link FeedForwardOptions}. */
export const feedForwardOptionNames: OptionTable<FeedForwardOptions> = {
  dim: 'required',
  mlpDim: 'required',
  activation: 'optional',
  key: 'required',
};

/**
 * Two dense layers with an activation between them. Variables: `hidden.weight`, `hidden.bias`,
 * `output.weight` and `output.bias`.
 */
export class FeedForward extends Module {
  readonly activation: Activation;
  readonly #hidden: Linear;
  readonly #output: Linear;

  constructor(options: FeedForwardOptions) {
    super();
    const {
      dim,
      mlpDim,
      activation = 'tanh',
      key,
    } = checkOptions(options, feedForwardOptionNames, 'FeedForward', { allowOthers: true });
    assertActivation(activation, 'FeedForward');
    this.activation = activation;
    const [hiddenKey, outputKey] = split(key);
    this.#hidden = this.child(
      'hidden',
      new Linear({ inFeatures: dim, outFeatures: mlpDim, shard: 'outputs', key: hiddenKey! }),
    );
    this.#output = this.child(
      'output',
      new Linear({ inFeatures: mlpDim, outFeatures: dim, shard: 'inputs', key: outputKey! }),
    );
  }

  /** Maps `[..., D]` to `[..., D]`. @throws {ShapeError} when the last axis is not `dim` */
  apply<T extends Tensor>(x: T): T {
    return tf.tidy(() => this.#output.apply(activate(this.#hidden.apply(x), this.activation)));
  }
}

/** Returns the weights of the reference's `FeedForward`. */
export function feedForwardReferenceWeights(): ReferenceWeight[] {
  return [
    ...prefixReferenceWeights(linearReferenceWeights(), 'hidden', 'net.0'),
    ...prefixReferenceWeights(linearReferenceWeights(), 'output', 'net.2'),
  ];
}
