import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import {
  assertInteger,
  checkOptions,
  constantInitializer,
  Module,
  normalInitializer,
  split,
  tidied,
  type OptionTable,
  type RandomKey,
} from '@vitvq/core';
import { activate } from './activations.js';
import { CausalAttention, weightStddev, type AttentionForward, type Remember } from './causal-attention.js';
import {
  applyDropout,
  dropoutMasksUnder,
  resolveDropout,
  type DropoutMasks,
  type DropoutRates,
  type DropoutSite,
} from './dropout.js';
import { blockDropoutSites } from './internal/block-dropout-sites.js';
import { LayerNorm } from './layer-norm.js';
import { Linear } from './linear.js';

/** Options of {@link AdaLNBlock}. */
export interface AdaLNBlockOptions {
  /** Width of a token, a multiple of `numHeads`. */
  readonly dim: number;
  readonly numHeads: number;
  /** Width of the hidden layer of the feed-forward part. @default 4 dim */
  readonly mlpDim?: number;
  /** Epsilon of norms. @default 1e-6, as in RAR */
  readonly normEpsilon?: number;
  /** @default none */
  readonly dropout?: DropoutRates;
  readonly key: RandomKey;
}

const adaLNBlockOptionNames: OptionTable<AdaLNBlockOptions> = {
  dim: 'required',
  numHeads: 'required',
  mlpDim: 'optional',
  normEpsilon: 'optional',
  dropout: 'optional',
  key: 'required',
};

/**
 * Pre-norm block under a mask whose norms are shifted and scaled, and whose residuals are scaled,
 * by a linear layer of a condition (adaLN-Zero of Peebles and Xie 2023, section 3.2, as in RAR):
 * x + gate · attention(norm(x) (1 + scale) + shift), then the same with a feed-forward part of
 * exact GELU. The layer starts at 0, so that the block starts as the identity. Queries and keys are
 * normalised. Variables: `attentionNorm.…`, `attention.…`, `feedForwardNorm.…`, `hidden.…`,
 * `output.…`, and `modulation.…` (`.weight` `[D, 6 D]`: shift, scale and gate of the attention,
 * then those of the feed-forward part).
 */
export class AdaLNBlock extends Module {
  readonly attention: CausalAttention;
  readonly mlpDim: number;
  readonly dropout: Required<DropoutRates>;
  readonly #attentionNorm: LayerNorm;
  readonly #feedForwardNorm: LayerNorm;
  readonly #hidden: Linear;
  readonly #output: Linear;
  readonly #modulation: Linear;

  constructor(options: AdaLNBlockOptions) {
    super();
    checkOptions(options, adaLNBlockOptionNames, 'AdaLNBlock', { allowOthers: true });
    const { dim, numHeads, normEpsilon = 1e-6, dropout = {}, key } = options;
    const { mlpDim = 4 * dim } = options;
    assertInteger(mlpDim, 'mlpDim', 'AdaLNBlock');
    this.mlpDim = mlpDim;
    this.dropout = resolveDropout(dropout, 'AdaLNBlock');
    const [attentionKey, hiddenKey, outputKey, modulationKey] = split(key, 4) as [
      RandomKey,
      RandomKey,
      RandomKey,
      RandomKey,
    ];
    const initializer = normalInitializer(weightStddev);
    const norm = { dim, epsilon: normEpsilon };
    this.#attentionNorm = this.child('attentionNorm', new LayerNorm(norm));
    this.attention = this.child(
      'attention',
      new CausalAttention({
        dim,
        numHeads,
        dropout,
        useTimeMixing: false,
        queryKeyNorm: 'layer',
        normEpsilon,
        key: attentionKey,
      }),
    );
    this.#feedForwardNorm = this.child('feedForwardNorm', new LayerNorm(norm));
    this.#hidden = this.child(
      'hidden',
      new Linear({ inFeatures: dim, outFeatures: mlpDim, shard: 'outputs', initializer, key: hiddenKey }),
    );
    this.#output = this.child(
      'output',
      new Linear({ inFeatures: mlpDim, outFeatures: dim, shard: 'inputs', initializer, key: outputKey }),
    );
    this.#modulation = this.child('modulation', createModulation(dim, 6, modulationKey));
  }

  /** Returns the dropout sites of a sequence of `length` tokens, by name. */
  dropoutSites(batchSize: number, length: number): Record<string, DropoutSite> {
    return blockDropoutSites(this, batchSize, length);
  }

  /**
   * Runs a whole sequence.
   * @param x  `[B, T, D]`
   * @param condition  silu of the condition of each token, `[B, T, D]`
   * @param mask  `[T, T]`, added to the scores
   * @throws {ShapeError}
   */
  apply(x: Tensor3D, condition: Tensor3D, mask: Tensor2D, dropoutMasks?: DropoutMasks): AttentionForward {
    return tidied(() => {
      const drop = <T extends Tensor>(value: T, name: string, rate: number): T =>
        applyDropout(value, dropoutMasks, name, rate, 'AdaLNBlock.apply');
      const { residual, activation } = this.dropout;
      const [attentionPart, feedForwardPart] = this.#modulate(condition);
      const { output, ...memory } = this.attention.apply(
        modulated(this.#attentionNorm.apply(x), attentionPart),
        mask,
        dropoutMasksUnder(dropoutMasks, 'attention'),
      );
      const attended = gated(x, drop(output, 'attentionResidual', residual), attentionPart);
      const fed = this.#feedForward(attended, feedForwardPart, (hidden) => drop(hidden, 'activation', activation));
      return { ...memory, output: gated(attended, drop(fed, 'feedForwardResidual', residual), feedForwardPart) };
    });
  }

  /** Runs one more token `[B, D]`, whose condition `[B, D]` went through silu. */
  decodeStep(x: Tensor2D, condition: Tensor2D, remember: Remember): Tensor2D {
    const [attentionPart, feedForwardPart] = this.#modulate(condition);
    const input = modulated(this.#attentionNorm.apply(x), attentionPart);
    const attended = gated(x, this.attention.decodeStep(input, undefined, remember), attentionPart);
    return gated(attended, this.#feedForward(attended, feedForwardPart), feedForwardPart);
  }

  #feedForward<T extends Tensor>(x: T, part: Modulation, drop: (hidden: T) => T = (hidden) => hidden): T {
    const input = modulated(this.#feedForwardNorm.apply(x), part);
    return this.#output.apply(drop(activate(this.#hidden.apply(input), 'gelu')));
  }

  #modulate(condition: Tensor): readonly [Modulation, Modulation] {
    const parts = tf.split(this.#modulation.apply(condition), 6, -1);
    return [toModulation(parts.slice(0, 3)), toModulation(parts.slice(3))];
  }
}

/** Shift, scale and gate, `[..., D]` each. */
interface Modulation {
  readonly shift: Tensor;
  readonly scale: Tensor;
  readonly gate: Tensor;
}

function toModulation(parts: readonly Tensor[]): Modulation {
  return { shift: parts[0]!, scale: parts[1]!, gate: parts[2]! };
}

/** Returns x + gate · y. */
function gated<T extends Tensor>(x: T, y: T, { gate }: Modulation): T {
  return tf.add(x, tf.mul(gate, y));
}

/** Returns x (1 + scale) + shift. */
export function modulated<T extends Tensor>(x: T, { shift, scale }: Pick<Modulation, 'shift' | 'scale'>): T {
  return tf.add(tf.mul(x, tf.add(scale, 1)), shift);
}

/**
 * Returns the layer `[D, parts D]` that makes shifts, scales and gates of a condition; it is 0 at
 * first.
 */
export function createModulation(dim: number, parts: number, key: RandomKey): Linear {
  return new Linear({ inFeatures: dim, outFeatures: parts * dim, initializer: constantInitializer(0), key });
}
