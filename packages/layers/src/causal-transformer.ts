import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import {
  ConfigError,
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
  prefixDropoutSites,
  resolveDropout,
  type DropoutMasks,
  type DropoutRates,
  type DropoutSite,
} from './dropout.js';
import type { LayerNorm } from './layer-norm.js';
import { blockDropoutSites } from './internal/block-dropout-sites.js';
import { Linear } from './linear.js';
import { createNorm, type Norm } from './norm.js';
import type { RMSNorm } from './rms-norm.js';
import type { Rotation } from './rotary.js';

/**
 * Feed-forward part of a block: `mlp` is output(activation(hidden(x))), and `swiglu` is
 * output(silu(gate(x)) · hidden(x)) (Shazeer 2020, equation 6).
 */
export type FeedForwardKind = (typeof feedForwardNames)[number];

/** Every {@link FeedForwardKind}, for schemas of configs. */
export const feedForwardNames = ['mlp', 'swiglu'] as const;

/**
 * Returns the default width of the hidden layer: 4 dim, and 8/3 dim for the three matrices of
 * SwiGLU, which are then as many weights (Shazeer 2020, section 3).
 */
export function defaultMlpDim(dim: number, feedForward: FeedForwardKind = 'mlp'): number {
  return feedForward === 'swiglu' ? Math.round((8 * dim) / 3) : 4 * dim;
}

/**
 * Where a block normalises: `pre` is x + f(norm(x)), with one norm more after the last block, and
 * `post` is norm(x + f(x)), with one norm more before the first block (BERT, arXiv:1810.04805).
 */
export type NormPlacement = (typeof normPlacementNames)[number];

/** Every {@link NormPlacement}, for schemas of configs. */
export const normPlacementNames = ['pre', 'post'] as const;

/** Options of {@link CausalBlock}. */
export interface CausalBlockOptions extends CausalAttentionOptions {
  /** Norm of attention and feed-forward part, and that beside all blocks. @default 'layer' */
  readonly norm?: Norm;
  /** Whether norms stand before attention and feed-forward part or after them. @default 'pre' */
  readonly normPlacement?: NormPlacement;
  /** Kind of the feed-forward part. @default 'mlp' */
  readonly feedForward?: FeedForwardKind;
  /** Width of the hidden layer of the feed-forward part. @default 4 dim; 8/3 dim for `swiglu` */
  readonly mlpDim?: number;
  /** Whether the feed-forward part has biases. @default true */
  readonly useMlpBias?: boolean;
  /**
   * Activation of an `mlp`; `swiglu` has its own. @default 'squared-relu', as in the reference; the
   * paper names none
   */
  readonly activation?: Activation;
}

const causalBlockOptionNames: OptionTable<CausalBlockOptions> = {
  ...causalAttentionOptionNames,
  norm: 'optional',
  normPlacement: 'optional',
  feedForward: 'optional',
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
  /**
   * Input of the attention `[B, T, D]`, normalised unless norms come after, whose last token the
   * time mixing of the next token needs.
   */
  readonly normalized: Tensor3D;
}

/**
 * Block under a mask: x + attention(norm(x)), then x + feedForward(norm(x)); with
 * `normPlacement: 'post'` norm(x + attention(x)), then norm(x + feedForward(x)). Variables:
 * `attentionNorm.…`, `attention.…`, `feedForwardNorm.…`, `hidden.…` and `output.…`, and `gate.…`
 * with SwiGLU.
 */
export class CausalBlock extends Module {
  readonly attention: CausalAttention;
  readonly mlpDim: number;
  readonly dropout: Required<DropoutRates>;
  readonly #placement: NormPlacement;
  readonly #attentionNorm: LayerNorm | RMSNorm;
  readonly #feedForwardNorm: LayerNorm | RMSNorm;
  readonly #activation: Activation;
  readonly #gate: Linear | undefined;
  readonly #hidden: Linear;
  readonly #output: Linear;

  constructor(given: CausalBlockOptions) {
    super();
    const {
      key,
      norm = 'layer',
      normPlacement = 'pre',
      feedForward = 'mlp',
      ...options
    } = checkOptions(given, causalBlockOptionNames, 'CausalBlock', { allowOthers: true });
    assertPlacement(normPlacement, 'CausalBlock');
    this.#placement = normPlacement;
    assertFeedForward(feedForward, options.activation);
    const { dim, mlpDim = defaultMlpDim(dim, feedForward), useMlpBias = true, dropout = {} } = options;
    const { activation = 'squared-relu' } = options;
    const [attentionKey, hiddenKey, outputKey] = split(key, 3) as [RandomKey, RandomKey, RandomKey];
    assertInteger(mlpDim, 'mlpDim', 'CausalBlock');
    this.mlpDim = mlpDim;
    this.dropout = resolveDropout(dropout, 'CausalBlock');
    assertActivation(activation, 'CausalBlock');
    this.#activation = activation;
    const dense = { useBias: useMlpBias, initializer: normalInitializer(weightStddev) };
    this.#attentionNorm = this.child('attentionNorm', createNorm(norm, options, 'CausalBlock'));
    this.attention = this.child('attention', new CausalAttention({ ...options, key: attentionKey }));
    this.#feedForwardNorm = this.child('feedForwardNorm', createNorm(norm, options, 'CausalBlock'));
    const wide = { ...dense, inFeatures: dim, outFeatures: mlpDim, shard: 'outputs' } as const;
    this.#gate =
      feedForward === 'swiglu' ? this.child('gate', new Linear({ ...wide, key: foldIn(hiddenKey, 1) })) : undefined;
    this.#hidden = this.child('hidden', new Linear({ ...wide, key: hiddenKey }));
    this.#output = this.child(
      'output',
      new Linear({ ...dense, inFeatures: mlpDim, outFeatures: dim, shard: 'inputs', key: outputKey }),
    );
  }

  /** Returns the dropout sites of a sequence of `length` tokens, by name. */
  dropoutSites(batchSize: number, length: number): Record<string, DropoutSite> {
    return blockDropoutSites(this, batchSize, length);
  }

  /**
   * Runs a whole sequence `[B, T, D]` under a mask, with rotary positions where they are given.
   * @throws {ShapeError}
   */
  apply(x: Tensor3D, mask: SequenceMask, dropoutMasks?: DropoutMasks, rotation?: Rotation): BlockForward {
    return tidied(() => {
      const drop = <T extends tf.Tensor>(value: T, name: string, rate: number): T =>
        applyDropout(value, dropoutMasks, name, rate, 'CausalBlock.apply');
      const { residual, activation } = this.dropout;
      const normalized = this.#before(this.#attentionNorm, x);
      const { output, ...memory } = this.attention.apply(
        normalized,
        mask,
        dropoutMasksUnder(dropoutMasks, 'attention'),
        rotation,
      );
      const attended = this.#add(this.#attentionNorm, x, drop(output, 'attentionResidual', residual));
      const fed = this.#feedForward(attended, (hidden) => drop(hidden, 'activation', activation));
      const both = this.#add(this.#feedForwardNorm, attended, drop(fed, 'feedForwardResidual', residual));
      return { ...memory, normalized, output: both };
    });
  }

  /**
   * Runs one more token `[B, D]`.
   * @param before  the `normalized` of the token before; none for the first token
   * @param rotation  rotary position of the token. @default none
   */
  decodeStep(
    x: Tensor2D,
    before: Tensor2D | undefined,
    remember: Remember,
    rotation?: Rotation,
  ): { readonly output: Tensor2D; readonly normalized: Tensor2D } {
    const normalized = this.#before(this.#attentionNorm, x);
    const mixed = this.attention.decodeStep(normalized, before, remember, rotation);
    const attended = this.#add(this.#attentionNorm, x, mixed);
    return { output: this.#add(this.#feedForwardNorm, attended, this.#feedForward(attended)), normalized };
  }

  /**
   * Runs m more tokens `[B, m, D]` at once, which see what `remember` says; see
   * `CausalAttention.attend`. @throws {ConfigError} with time mixing
   */
  attend(x: Tensor3D, remember: Remember): Tensor3D {
    const mixed = this.attention.attend(this.#before(this.#attentionNorm, x), remember);
    const attended = this.#add(this.#attentionNorm, x, mixed);
    return this.#add(this.#feedForwardNorm, attended, this.#feedForward(attended));
  }

  /** Returns what attention or feed-forward part reads of x. */
  #before<T extends tf.Tensor>(norm: LayerNorm | RMSNorm, x: T): T {
    return this.#placement === 'pre' ? norm.apply(x) : x;
  }

  /** Adds to x what was made of it. */
  #add<T extends tf.Tensor>(norm: LayerNorm | RMSNorm, x: T, made: T): T {
    const sum = tf.add<T>(x, made);
    return this.#placement === 'pre' ? sum : norm.apply(sum);
  }

  #feedForward<T extends tf.Tensor>(x: T, drop: (hidden: T) => T = (hidden) => hidden): T {
    const input = this.#before(this.#feedForwardNorm, x);
    const hidden = this.#hidden.apply(input);
    const activated = this.#gate
      ? tf.mul<T>(activate(this.#gate.apply(input), 'silu'), hidden)
      : activate(hidden, this.#activation);
    return this.#output.apply(drop(activated));
  }
}

/** @throws {ConfigError} for an unknown placement */
function assertPlacement(placement: NormPlacement, where: string): void {
  if (normPlacementNames.includes(placement)) return;
  throw new ConfigError({
    where,
    expected: `normPlacement to be one of ${normPlacementNames.join(', ')}`,
    got: `"${String(placement)}"`,
  });
}

/** @throws {ConfigError} for an unknown kind, and for an activation without effect */
function assertFeedForward(feedForward: FeedForwardKind, activation: Activation | undefined): void {
  if (!feedForwardNames.includes(feedForward)) {
    throw new ConfigError({
      where: 'CausalBlock',
      expected: `feedForward to be one of ${feedForwardNames.join(', ')}`,
      got: `"${String(feedForward)}"`,
    });
  }
  if (feedForward === 'swiglu' && activation !== undefined) {
    throw new ConfigError({
      where: 'CausalBlock',
      expected: 'no activation with swiglu, which has its own',
      got: `"${activation}"`,
    });
  }
}

/** Results of {@link CausalTransformer} for a whole sequence. */
export interface TransformerForward {
  /** `[B, T, D]`, after the final norm where there is one. */
  readonly output: Tensor3D;
  /** Results of every block, in order. */
  readonly blocks: readonly BlockForward[];
}

/**
 * Blocks under a mask and one norm more: after the last block, or before the first one with
 * `normPlacement: 'post'`. Variables: `blocks.0.…` and so on, and `norm.…`.
 */
export class CausalTransformer extends Module {
  readonly blocks: readonly CausalBlock[];
  readonly norm: LayerNorm | RMSNorm;
  readonly #placement: NormPlacement;

  constructor(given: CausalTransformerOptions) {
    super();
    const { depth, key, ...options } = checkOptions(given, causalTransformerOptionNames, 'CausalTransformer', {
      allowOthers: true,
    });
    assertInteger(depth, 'depth', 'CausalTransformer');
    this.#placement = options.normPlacement ?? 'pre';
    this.blocks = Array.from({ length: depth }, (_, index) =>
      this.child(`blocks.${index}`, new CausalBlock({ ...options, key: foldIn(key, index) })),
    );
    this.norm = this.child('norm', createNorm(options.norm ?? 'layer', options, 'CausalTransformer'));
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

  /**
   * Runs a whole sequence `[B, T, D]` under a mask, with rotary positions where they are given.
   * @throws {ShapeError}
   */
  apply(x: Tensor3D, mask: SequenceMask, dropoutMasks?: DropoutMasks, rotation?: Rotation): TransformerForward {
    return tidied(() => {
      const blocks: BlockForward[] = [];
      const first = this.begin(x);
      for (const [index, block] of this.blocks.entries()) {
        const input = blocks.at(-1)?.output ?? first;
        blocks.push(block.apply(input, mask, dropoutMasksUnder(dropoutMasks, `blocks.${index}`), rotation));
      }
      return { output: this.end(blocks.at(-1)!.output), blocks };
    });
  }

  /** Returns what the first block reads, for callers that run the blocks themselves. */
  begin<T extends tf.Tensor>(x: T): T {
    return this.#placement === 'post' ? this.norm.apply(x) : x;
  }

  /** Returns the output of the transformer, given that of the last block. */
  end<T extends tf.Tensor>(x: T): T {
    return this.#placement === 'pre' ? this.norm.apply(x) : x;
  }
}
