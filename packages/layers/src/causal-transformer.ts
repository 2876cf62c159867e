import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import {
  Module,
  assertInteger,
  checkOptions,
  foldIn,
  normalInitializer,
  split,
  tidied,
  type OptionTable,
  type RandomKey,
} from '@vitvq/core';
import { activate, assertActivation, type Activation } from './activations.js';
import {
  causalAttentionOptionNames,
  CausalAttention,
  weightStddev,
  type AttentionForward,
  type CausalAttentionOptions,
  type Remember,
  type SequenceMask,
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
import { LayerNorm } from './layer-norm.js';
import { Linear } from './linear.js';

/** Options of {@link CausalBlock}. */
export interface CausalBlockOptions extends CausalAttentionOptions {
  /** Width of the hidden layer of the feed-forward part. @default 4 dim */
  readonly mlpDim?: number;
  /** Whether the feed-forward part has biases. @default true */
  readonly useMlpBias?: boolean;
  /**
   * Activation of the feed-forward part. @default 'squared-relu', as in the reference; the paper
   * names none
   */
  readonly activation?: Activation;
}

const causalBlockOptionNames: OptionTable<CausalBlockOptions> = {
  ...causalAttentionOptionNames,
  mlpDim: 'optional',
  useMlpBias: 'optional',
  activation: 'optional',
};

/** Options of {@link CausalTransformer}. */
export interface CausalTransformerOptions extends CausalBlockOptions {
  /** Number of blocks. */
  readonly depth: number;
}

const causalTransformerOptionNames: OptionTable<CausalTransformerOptions> = {
  ...causalBlockOptionNames,
  depth: 'required',
};

/** Results of {@link CausalBlock} for a whole sequence, of which a sampler keeps a part. */
export interface BlockForward extends AttentionForward {
  /** Normalised input `[B, T, D]`, whose last token the time mixing of the next token needs. */
  readonly normalized: Tensor3D;
}

/**
 * Pre-norm block under a mask: x + attention(norm(x)), then x + feedForward(norm(x)). Variables:
 * `attentionNorm.…`, `attention.…`, `feedForwardNorm.…`, `hidden.…` and `output.…`.
 */
export class CausalBlock extends Module {
  readonly attention: CausalAttention;
  readonly mlpDim: number;
  readonly dropout: Required<DropoutRates>;
  readonly #attentionNorm: LayerNorm;
  readonly #feedForwardNorm: LayerNorm;
  readonly #activation: Activation;
  readonly #hidden: Linear;
  readonly #output: Linear;

  constructor(given: CausalBlockOptions) {
    super();
    const { key, ...options } = checkOptions(given, causalBlockOptionNames, 'CausalBlock', { allowOthers: true });
    const { dim, mlpDim = 4 * dim, useMlpBias = true, activation = 'squared-relu', dropout = {} } = options;
    const [attentionKey, hiddenKey, outputKey] = split(key, 3) as [RandomKey, RandomKey, RandomKey];
    assertInteger(mlpDim, 'mlpDim', 'CausalBlock');
    this.mlpDim = mlpDim;
    this.dropout = resolveDropout(dropout, 'CausalBlock');
    assertActivation(activation, 'CausalBlock');
    this.#activation = activation;
    const dense = { useBias: useMlpBias, initializer: normalInitializer(weightStddev) };
    this.#attentionNorm = this.child('attentionNorm', new LayerNorm({ dim }));
    this.attention = this.child('attention', new CausalAttention({ ...options, key: attentionKey }));
    this.#feedForwardNorm = this.child('feedForwardNorm', new LayerNorm({ dim }));
    this.#hidden = this.child('hidden', new Linear({ ...dense, inFeatures: dim, outFeatures: mlpDim, key: hiddenKey }));
    this.#output = this.child('output', new Linear({ ...dense, inFeatures: mlpDim, outFeatures: dim, key: outputKey }));
  }

  /** Returns the dropout sites of a sequence of `length` tokens, by name. */
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

  /** Runs a whole sequence `[B, T, D]` under a mask. @throws {ShapeError} */
  apply(x: Tensor3D, mask: SequenceMask, dropoutMasks?: DropoutMasks): BlockForward {
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
   * Runs one more token `[B, D]`.
   * @param before  the `normalized` of the token before; none for the first token
   */
  decodeStep(
    x: Tensor2D,
    before: Tensor2D | undefined,
    remember: Remember,
  ): { readonly output: Tensor2D; readonly normalized: Tensor2D } {
    const normalized = this.#attentionNorm.apply(x);
    const attended = tf.add<Tensor2D>(x, this.attention.decodeStep(normalized, before, remember));
    return { output: tf.add(attended, this.#feedForward(attended)), normalized };
  }

  /**
   * Runs m more tokens `[B, m, D]` at once, which see what `remember` says; see
   * `CausalAttention.attend`. @throws {ConfigError} with time mixing
   */
  attend(x: Tensor3D, remember: Remember): Tensor3D {
    const attended = tf.add<Tensor3D>(x, this.attention.attend(this.#attentionNorm.apply(x), remember));
    return tf.add(attended, this.#feedForward(attended));
  }

  #feedForward<T extends tf.Tensor>(x: T, drop: (hidden: T) => T = (hidden) => hidden): T {
    return this.#output.apply(drop(activate(this.#hidden.apply(this.#feedForwardNorm.apply(x)), this.#activation)));
  }
}

/** Results of {@link CausalTransformer} for a whole sequence. */
export interface TransformerForward {
  /** `[B, T, D]`, after the final norm. */
  readonly output: Tensor3D;
  /** Results of every block, in order. */
  readonly blocks: readonly BlockForward[];
}

/** Blocks under a mask and a final layer norm. Variables: `blocks.0.…` and so on, and `norm.…`. */
export class CausalTransformer extends Module {
  readonly blocks: readonly CausalBlock[];
  readonly norm: LayerNorm;

  constructor(given: CausalTransformerOptions) {
    super();
    const { depth, key, ...options } = checkOptions(given, causalTransformerOptionNames, 'CausalTransformer', {
      allowOthers: true,
    });
    assertInteger(depth, 'depth', 'CausalTransformer');
    this.blocks = Array.from({ length: depth }, (_, index) =>
      this.child(`blocks.${index}`, new CausalBlock({ ...options, key: foldIn(key, index) })),
    );
    this.norm = this.child('norm', new LayerNorm({ dim: options.dim }));
  }

  /** Returns the dropout sites of a sequence of `length` tokens, by name. */
  dropoutSites(batchSize: number, length: number): Record<string, DropoutSite> {
    return Object.assign(
      {},
      ...this.blocks.map((block, index) =>
        prefixDropoutSites(block.dropoutSites(batchSize, length), `blocks.${index}`),
      ),
    ) as Record<string, DropoutSite>;
  }

  /** Runs a whole sequence `[B, T, D]` under a mask. @throws {ShapeError} */
  apply(x: Tensor3D, mask: SequenceMask, dropoutMasks?: DropoutMasks): TransformerForward {
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
