import * as tf from '@tensorflow/tfjs-core';
import { constantInitializer, Module, type RandomKey } from '@vitvq/core';
import { activate, LayerNorm, Linear, scaledDotProductAttention } from '@vitvq/layers';

/**
 * Layers between the two products of a block: `gelu`, `quick-gelu` (x · sigmoid(1.702 x), of
 * OpenAI's CLIP), or `swiglu` (Shazeer 2020), which takes a first product of twice the width.
 */
export type FeedForwardKind = 'gelu' | 'quick-gelu' | 'swiglu';

/** Sizes of a {@link FrozenBlock}. */
export interface FrozenBlockOptions {
  readonly width: number;
  readonly numHeads: number;
  readonly mlpWidth: number;
  readonly feedForward: FeedForwardKind;
  /** Added to variances. */
  readonly epsilon: number;
  /** Whether the results of attention and layers are scaled by channel before they are added. */
  readonly layerScale: boolean;
  readonly key: RandomKey;
}

/**
 * Pre-norm block of the vision transformers of CLIP and DINOv2, with biases everywhere. Variables:
 * `attentionNorm`, `qkv` (queries, keys, values; within each, head by head), `output`, `mlpNorm`,
 * `hidden` and `projection`, and with `layerScale` `attentionScale` and `mlpScale` `[D]`.
 */
export class FrozenBlock extends Module {
  readonly #numHeads: number;
  readonly #feedForward: FeedForwardKind;
  readonly #attentionNorm: LayerNorm;
  readonly #qkv: Linear;
  readonly #output: Linear;
  readonly #mlpNorm: LayerNorm;
  readonly #hidden: Linear;
  readonly #projection: Linear;
  readonly #scales: readonly tf.Variable<tf.Rank.R1>[];

  constructor({ width, numHeads, mlpWidth, feedForward, epsilon, layerScale, key }: FrozenBlockOptions) {
    super();
    this.#numHeads = numHeads;
    this.#feedForward = feedForward;
    const norm = { dim: width, epsilon };
    const hiddenWidth = feedForward === 'swiglu' ? 2 * mlpWidth : mlpWidth;
    this.#attentionNorm = this.child('attentionNorm', new LayerNorm(norm));
    this.#qkv = this.child('qkv', new Linear({ inFeatures: width, outFeatures: 3 * width, key }));
    this.#output = this.child('output', new Linear({ inFeatures: width, outFeatures: width, key }));
    this.#mlpNorm = this.child('mlpNorm', new LayerNorm(norm));
    this.#hidden = this.child('hidden', new Linear({ inFeatures: width, outFeatures: hiddenWidth, key }));
    this.#projection = this.child('projection', new Linear({ inFeatures: mlpWidth, outFeatures: width, key }));
    const ones = constantInitializer(1);
    this.#scales = layerScale
      ? ['attentionScale', 'mlpScale'].map((name) => this.variable<tf.Rank.R1>(name, ones(key, [width])))
      : [];
  }

  /** Maps `[B, N, D]` to `[B, N, D]`. @param mask  `[N, N]`, added to the scores of all heads */
  apply(x: tf.Tensor3D, mask?: tf.Tensor2D): tf.Tensor3D {
    const attended = tf.add<tf.Tensor3D>(x, this.#scaled(0, this.#attend(this.#attentionNorm.apply(x), mask)));
    return tf.add(attended, this.#scaled(1, this.#feed(this.#mlpNorm.apply(attended))));
  }

  #scaled(index: number, x: tf.Tensor3D): tf.Tensor3D {
    const scale = this.#scales[index];
    return scale ? tf.mul(x, scale) : x;
  }

  #attend(x: tf.Tensor3D, mask: tf.Tensor2D | undefined): tf.Tensor3D {
    const [batch, tokens, width] = x.shape;
    const headWidth = width / this.#numHeads;
    const heads = tf.reshape(this.#qkv.apply(x), [batch, tokens, 3 * this.#numHeads, headWidth]);
    const [q, k, v] = tf.split(tf.transpose(heads, [0, 2, 1, 3]), 3, 1) as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
    const attended = mask ? maskedAttention(q, k, v, mask) : scaledDotProductAttention(q, k, v, headWidth ** -0.5);
    return this.#output.apply(tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [batch, tokens, width]));
  }

  #feed(x: tf.Tensor3D): tf.Tensor3D {
    const hidden = this.#hidden.apply(x);
    if (this.#feedForward === 'gelu') return this.#projection.apply(activate(hidden, 'gelu'));
    if (this.#feedForward === 'quick-gelu') {
      return this.#projection.apply(tf.mul(hidden, tf.sigmoid(tf.mul(hidden, 1.702))));
    }
    const [gate, value] = tf.split(hidden, 2, 2) as [tf.Tensor3D, tf.Tensor3D];
    return this.#projection.apply(tf.mul(activate(gate, 'silu'), value));
  }
}

function maskedAttention(q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D, mask: tf.Tensor2D): tf.Tensor4D {
  const scores = tf.mul(tf.matMul(q, k, false, true), q.shape[3] ** -0.5);
  return tf.matMul(tf.softmax(tf.add(scores, mask)), v);
}
