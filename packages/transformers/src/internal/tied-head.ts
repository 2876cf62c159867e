import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D, Variable } from '@tensorflow/tfjs-core';
import { constantInitializer, Module, normalInitializer, type RandomKey } from '@vitvq/core';
import {
  activate,
  createNorm,
  Linear,
  weightStddev,
  type Activation,
  type LayerNorm,
  type Norm,
  type RMSNorm,
} from '@vitvq/layers';

/** Sizes and choices of a {@link TiedHead}, those of its model. */
interface TiedHeadOptions {
  readonly dim: number;
  readonly vocabSize: number;
  readonly norm: Norm;
  readonly normEpsilon: number;
  readonly activation: Activation;
  readonly key: RandomKey;
}

/**
 * From features to logits as in BERT (arXiv:1810.04805, section 3.1, masked language model):
 * norm(activation(hidden(x))) · vectorsᵀ + bias, with the vectors of the tokens' embedding.
 * Variables: `hidden.…`, `norm.…` and `bias` `[V]`.
 */
export class TiedHead extends Module {
  readonly #activation: Activation;
  readonly #hidden: Linear;
  readonly #norm: LayerNorm | RMSNorm;
  readonly #bias: Variable<tf.Rank.R1>;

  constructor({ dim, vocabSize, norm, normEpsilon, activation, key }: TiedHeadOptions) {
    super();
    const initializer = normalInitializer(weightStddev);
    this.#activation = activation;
    this.#hidden = this.child('hidden', new Linear({ inFeatures: dim, outFeatures: dim, key, initializer }));
    this.#norm = this.child('norm', createNorm(norm, { dim, normEpsilon }, 'TiedHead'));
    this.#bias = this.variable<tf.Rank.R1>('bias', constantInitializer(0)(key, [vocabSize]));
  }

  /** Maps `[B, N, D]` to `[B, N, V]`. @param vectors  of the tokens, `[V, D]` */
  apply(x: Tensor3D, vectors: Tensor2D): Tensor3D {
    const [batch, count, dim] = x.shape;
    const [vocabSize] = vectors.shape;
    const rows = tf.reshape<tf.Rank.R2>(x, [batch * count, dim]);
    const hidden = this.#norm.apply(activate(this.#hidden.apply(rows), this.#activation));
    const logits = tf.add(tf.matMul(hidden, vectors, false, true), this.#bias);
    return tf.reshape(logits, [batch, count, vocabSize]);
  }
}
