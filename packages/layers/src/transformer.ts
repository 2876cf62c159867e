import * as tf from '@tensorflow/tfjs-core';
import type { Tensor3D } from '@tensorflow/tfjs-core';
import {
  assertInteger,
  checkOptions,
  foldIn,
  Module,
  prefixReferenceWeights,
  recompute,
  split,
  type OptionTable,
  type ReferenceWeight,
} from '@vitvq/core';
import {
  MultiHeadAttention,
  multiHeadAttentionOptionNames,
  multiHeadAttentionReferenceWeights,
  type MultiHeadAttentionOptions,
} from './attention.js';
import { assertAttention } from './attention-kinds.js';
import {
  FeedForward,
  feedForwardOptionNames,
  feedForwardReferenceWeights,
  type FeedForwardOptions,
} from './feed-forward.js';
import { LayerNorm, layerNormReferenceWeights } from './layer-norm.js';

/** Options of {@link TransformerBlock}. */
export type TransformerBlockOptions = MultiHeadAttentionOptions & FeedForwardOptions;

/** Options of {@link Transformer}. */
export type TransformerOptions = Omit<TransformerBlockOptions, 'blockIndex'> & {
  /** Number of blocks. */
  readonly depth: number;
  /**
   * Whether blocks are computed again for the gradient, so that only the input of each is kept:
   * this takes memory for the activations of one block instead of all, and about a third more time
   * a training step. @default false
   */
  readonly recompute?: boolean;
};

const transformerBlockOptionNames: OptionTable<TransformerBlockOptions> = {
  ...multiHeadAttentionOptionNames,
  ...feedForwardOptionNames,
};

const { blockIndex: _blockIndex, ...sharedOptionNames } = transformerBlockOptionNames;

/** Names of the options {@link TransformerOptions}. */
export const transformerOptionNames: OptionTable<TransformerOptions> = {
  ...sharedOptionNames,
  depth: 'required',
  recompute: 'optional',
};

/** Pre-norm block: x + attention(norm(x)), then x + feedForward(norm(x)). */
export class TransformerBlock extends Module {
  readonly #attentionNorm: LayerNorm;
  readonly #attention: MultiHeadAttention;
  readonly #feedForwardNorm: LayerNorm;
  readonly #feedForward: FeedForward;

  constructor(given: TransformerBlockOptions) {
    super();
    const { key, ...options } = checkOptions(given, transformerBlockOptionNames, 'TransformerBlock', {
      allowOthers: true,
    });
    const [attentionKey, feedForwardKey] = split(key);
    this.#attentionNorm = this.child('attentionNorm', new LayerNorm(options));
    this.#attention = this.child('attention', new MultiHeadAttention({ ...options, key: attentionKey! }));
    this.#feedForwardNorm = this.child('feedForwardNorm', new LayerNorm(options));
    this.#feedForward = this.child('feedForward', new FeedForward({ ...options, key: feedForwardKey! }));
  }

  /** Maps `[B, N, D]` to `[B, N, D]`. @throws {ShapeError} when the last axis is not `dim` */
  apply(x: Tensor3D): Tensor3D {
    return tf.tidy(() => {
      const attended = tf.add(x, this.#attention.apply(this.#attentionNorm.apply(x)));
      return tf.add(attended, this.#feedForward.apply(this.#feedForwardNorm.apply(attended)));
    });
  }
}

/** Blocks and a final layer norm; variables `blocks.0.…` and `norm.…`. */
export class Transformer extends Module {
  readonly blocks: readonly TransformerBlock[];
  readonly norm: LayerNorm;
  readonly #recompute: boolean;

  constructor(given: TransformerOptions) {
    super();
    checkOptions(given, transformerOptionNames, 'Transformer', { allowOthers: true });
    const { depth, recompute: recomputes = false, key, ...options } = given;
    this.#recompute = recomputes;
    assertInteger(depth, 'depth', 'Transformer', 0);
    if (options.attention) assertAttention(options.attention, { grid: options.grid, depth }, 'Transformer');
    this.blocks = Array.from({ length: depth }, (_, index) =>
      this.child(`blocks.${index}`, new TransformerBlock({ ...options, blockIndex: index, key: foldIn(key, index) })),
    );
    this.norm = this.child('norm', new LayerNorm(options));
  }

  /** Names of the results of {@link features}, in order: `blocks.0` and so on, `norm`. */
  get featureNames(): readonly string[] {
    return [...this.blocks.map((_, index) => `blocks.${index}`), 'norm'];
  }

  /** Maps `[B, N, D]` to `[B, N, D]`. @throws {ShapeError} when the last axis is not `dim` */
  apply(x: Tensor3D): Tensor3D {
    return tf.tidy(() => this.#stages(x).at(-1)!);
  }

  /**
   * Returns the output of every block and of the final norm, `[B, N, D]` each, by name; `norm` is
   * what {@link apply} returns.
   */
  features(x: Tensor3D): Record<string, Tensor3D> {
    return tf.tidy(() => {
      const stages = this.#stages(x);
      return Object.fromEntries(this.featureNames.map((name, index) => [name, stages[index]!]));
    });
  }

  /** Returns the same in the order of the names. */
  #stages(x: Tensor3D): Tensor3D[] {
    const stages: Tensor3D[] = [];
    for (const block of this.blocks) stages.push(this.#applyBlock(block, stages.at(-1) ?? x));
    return [...stages, this.norm.apply(stages.at(-1) ?? x)];
  }

  #applyBlock(block: TransformerBlock, tokens: Tensor3D): Tensor3D {
    if (!this.#recompute) return block.apply(tokens);
    return recompute((input) => block.apply(input as Tensor3D), [tokens], block.trainableVariables());
  }
}

/** Returns the weights of the reference's `Transformer`. */
export function transformerReferenceWeights({
  depth,
  ...options
}: Pick<TransformerOptions, 'depth' | 'useOutputProjection' | 'attention'>): ReferenceWeight[] {
  const block = [
    ...prefixReferenceWeights(layerNormReferenceWeights(), 'attentionNorm', '0.norm'),
    ...prefixReferenceWeights(multiHeadAttentionReferenceWeights(options), 'attention', '0.fn'),
    ...prefixReferenceWeights(layerNormReferenceWeights(), 'feedForwardNorm', '1.norm'),
    ...prefixReferenceWeights(feedForwardReferenceWeights(), 'feedForward', '1.fn'),
  ];
  return [
    ...Array.from({ length: depth }, (_, index) =>
      prefixReferenceWeights(block, `blocks.${index}`, `layers.${index}`),
    ).flat(),
    ...prefixReferenceWeights(layerNormReferenceWeights(), 'norm', 'norm'),
  ];
}
