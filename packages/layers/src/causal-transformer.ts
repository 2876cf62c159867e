import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { assertInteger, foldIn, Module, normalInitializer, split, tidied, type RandomKey } from '@vitvq/core';
import {
  CausalAttention,
  weightStddev,
  type AttentionForward,
  type CausalAttentionOptions,
  type Remember,
} from './causal-attention.js';
import {
  applyDropout,
  dropoutMasksUnder,
  dropoutSites,
  prefixDropoutSites,
  resolveDropout,
  type DropoutMasks,
  type DropoutRates,
  type DropoutSite,
} from './dropout.js';
import { activationNamed, type FeedForwardActivation } from './feed-forward-activation.js';
import { LayerNorm } from './layer-norm.js';
import { Linear } from './linear.js';

export interface CausalBlockOptions extends CausalAttentionOptions {
  /** Width of the hidden layer of the feed-forward part. @default 4 dim */
  readonly mlpDim?: number;
  /** Whether the feed-forward part has biases. @default true */
  readonly useMlpBias?: boolean;
  /** @default 'squared-relu', the reference's; the paper names none */
  readonly activation?: FeedForwardActivation;
}

export interface CausalTransformerOptions extends CausalBlockOptions {
  /** Number of blocks. */
  readonly depth: number;
}

/** What a sampler keeps of a block: keys and values, and the input of the attention. */
export interface BlockForward extends AttentionForward {
  /** `[B, T, D]`: normalised input, whose last token the time mixing of the next one needs. */
  readonly normalized: Tensor3D;
}

/**
 * Pre-norm block: x + attention(norm(x)), then x + feedForward(norm(x)). Variables: `attentionNorm`, `attention`,
 * `feedForwardNorm`, `hidden`, `output`.
 */
export class CausalBlock extends Module {
  readonly attention: CausalAttention;
  readonly mlpDim: number;
  readonly dropout: Required<DropoutRates>;
  readonly #attentionNorm: LayerNorm;
  readonly #feedForwardNorm: LayerNorm;
  readonly #activate: (x: tf.Tensor) => tf.Tensor;
  readonly #hidden: Linear;
  readonly #output: Linear;

  constructor({ key, ...options }: CausalBlockOptions) {
    super();
    const { dim, mlpDim = 4 * dim, useMlpBias = true, activation = 'squared-relu', dropout = {} } = options;
    const [attentionKey, hiddenKey, outputKey] = split(key, 3) as [RandomKey, RandomKey, RandomKey];
    assertInteger(mlpDim, 'mlpDim', 'CausalBlock');
    this.mlpDim = mlpDim;
    this.dropout = resolveDropout(dropout, 'CausalBlock');
    this.#activate = activationNamed(activation, 'CausalBlock');
    const dense = { useBias: useMlpBias, initializer: normalInitializer(weightStddev) };
    this.#attentionNorm = this.child('attentionNorm', new LayerNorm({ dim }));
    this.attention = this.child('attention', new CausalAttention({ ...options, key: attentionKey }));
    this.#feedForwardNorm = this.child('feedForwardNorm', new LayerNorm({ dim }));
    this.#hidden = this.child('hidden', new Linear({ ...dense, inFeatures: dim, outFeatures: mlpDim, key: hiddenKey }));
    this.#output = this.child('output', new Linear({ ...dense, inFeatures: mlpDim, outFeatures: dim, key: outputKey }));
  }

  /** What is dropped in a sequence of `length` tokens. */
  dropoutSites(batchSize: number, length: number): Record<string, DropoutSite> {
    const { residual, activation } = this.dropout;
    const shape = [batchSize, length, this.attention.dim];
    return {
      ...prefixDropoutSites(this.attention.dropoutSites(batchSize, length), 'attention'),
      ...dropoutSites({
        attentionResidual: { shape, rate: residual },
        activation: { shape: [batchSize, length, this.mlpDim], rate: activation },
        feedForwardResidual: { shape, rate: residual },
      }),
    };
  }

  /** A whole sequence `[B, T, D]` under a mask `[T, T]`. */
  apply(x: Tensor3D, mask: Tensor2D, dropoutMasks?: DropoutMasks): BlockForward {
    return tidied(() => {
      const drop = <T extends tf.Tensor>(value: T, name: string, rate: number): T =>
        applyDropout(value, dropoutMasks, name, rate, 'CausalBlock.apply');
      const { residual, activation } = this.dropout;
      const normalized = this.#attentionNorm.apply(x);
      const { output, ...memory } = this.attention.apply(
        normalized,
        mask,
        dropoutMasksUnder(dropoutMasks, 'attention'),
      );
      const attended = tf.add<Tensor3D>(x, drop(output, 'attentionResidual', residual));
      const fed = this.#feedForward(attended, (hidden) => drop(hidden, 'activation', activation));
      return { ...memory, normalized, output: tf.add<Tensor3D>(attended, drop(fed, 'feedForwardResidual', residual)) };
    });
  }

  /**
   * One more token `[B, D]`.
   * @param before  the `normalized` of the token before it; none for the first
   */
  step(
    x: Tensor2D,
    before: Tensor2D | undefined,
    remember: Remember,
  ): { readonly output: Tensor2D; readonly normalized: Tensor2D } {
    const normalized = this.#attentionNorm.apply(x);
    const attended = tf.add<Tensor2D>(x, this.attention.step(normalized, before, remember));
    return { output: tf.add(attended, this.#feedForward(attended)), normalized };
  }

  #feedForward<T extends tf.Tensor>(x: T, drop: (hidden: T) => T = (hidden) => hidden): T {
    return this.#output.apply(drop(this.#activate(this.#hidden.apply(this.#feedForwardNorm.apply(x))) as T));
  }
}

export interface TransformerForward {
  /** `[B, T, D]`, after the final norm. */
  readonly output: Tensor3D;
  readonly blocks: readonly BlockForward[];
}

/** Blocks and a final layer norm; variables `blocks.0.…` and `norm.…`. */
export class CausalTransformer extends Module {
  readonly blocks: readonly CausalBlock[];
  readonly norm: LayerNorm;

  constructor({ depth, key, ...options }: CausalTransformerOptions) {
    super();
    assertInteger(depth, 'depth', 'CausalTransformer');
    this.blocks = Array.from({ length: depth }, (_, index) =>
      this.child(`blocks.${index}`, new CausalBlock({ ...options, key: foldIn(key, index) })),
    );
    this.norm = this.child('norm', new LayerNorm({ dim: options.dim }));
  }

  /** What is dropped in a sequence of `length` tokens. */
  dropoutSites(batchSize: number, length: number): Record<string, DropoutSite> {
    return Object.assign(
      {},
      ...this.blocks.map((block, index) =>
        prefixDropoutSites(block.dropoutSites(batchSize, length), `blocks.${index}`),
      ),
    ) as Record<string, DropoutSite>;
  }

  /** A whole sequence `[B, T, D]` under a mask `[T, T]`. */
  apply(x: Tensor3D, mask: Tensor2D, dropoutMasks?: DropoutMasks): TransformerForward {
    return tidied(() => {
      const blocks: BlockForward[] = [];
      for (const [index, block] of this.blocks.entries()) {
        const input = blocks.at(-1)?.output ?? x;
        blocks.push(block.apply(input, mask, dropoutMasksUnder(dropoutMasks, `blocks.${index}`)));
      }
      return { output: this.norm.apply(blocks.at(-1)!.output), blocks };
    });
  }
}
