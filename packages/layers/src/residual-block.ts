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
import { activate } from './activations.js';
import { Convolution, convolutionReferenceWeights } from './convolution.js';
import { GroupNorm, groupNormReferenceWeights } from './group-norm.js';
import type { Linear } from './linear.js';
import { pointwiseConvolution, pointwiseConvolutionReferenceWeights } from './pointwise-convolution.js';

/** Options of {@link ResidualBlock}. */
export interface ResidualBlockOptions {
  /** Channels of the input. */
  readonly inChannels: number;
  /** Channels of the output. */
  readonly outChannels: number;
  /** Groups of the norms. @default 32 */
  readonly numGroups?: number;
  readonly key: RandomKey;
}

const residualBlockOptionNames: OptionTable<ResidualBlockOptions> = {
  inChannels: 'required',
  outChannels: 'required',
  numGroups: 'optional',
  key: 'required',
};

/**
 * Residual block x + convolution(silu(norm(convolution(silu(norm(x)))))) with 3x3 kernels; a 1x1
 * convolution brings x to the channels of the result where these differ (VQGAN, arXiv:2012.09841,
 * appendix). Variables: `firstNorm.…`, `firstConvolution.…`, `secondNorm.…`, `secondConvolution.…`
 * and `shortcut.…`.
 *
 * Deviation: the dropout of VQGAN, 0 in all published configs, is left out.
 */
export class ResidualBlock extends Module {
  readonly #firstNorm: GroupNorm;
  readonly #firstConvolution: Convolution;
  readonly #secondNorm: GroupNorm;
  readonly #secondConvolution: Convolution;
  readonly #shortcut: Linear | undefined;

  constructor(options: ResidualBlockOptions) {
    super();
    const { inChannels, outChannels, numGroups, key } = checkOptions(
      options,
      residualBlockOptionNames,
      'ResidualBlock',
      { allowOthers: true },
    );
    const [firstKey, secondKey, shortcutKey] = split(key, 3) as [RandomKey, RandomKey, RandomKey];
    this.#firstNorm = this.child('firstNorm', new GroupNorm({ channels: inChannels, numGroups }));
    this.#firstConvolution = this.child(
      'firstConvolution',
      new Convolution({ inChannels, outChannels, key: firstKey }),
    );
    this.#secondNorm = this.child('secondNorm', new GroupNorm({ channels: outChannels, numGroups }));
    this.#secondConvolution = this.child(
      'secondConvolution',
      new Convolution({ inChannels: outChannels, outChannels, key: secondKey }),
    );
    this.#shortcut =
      inChannels === outChannels
        ? undefined
        : this.child('shortcut', pointwiseConvolution(inChannels, outChannels, shortcutKey));
  }

  /**
   * Maps `[B, H, W, in]` to `[B, H, W, out]`.
   * @throws {ShapeError} when the input has other channels
   */
  apply(x: Tensor4D): Tensor4D {
    return tf.tidy(() => {
      const first = this.#firstConvolution.apply(activate(this.#firstNorm.apply(x), 'silu'));
      const second = this.#secondConvolution.apply(activate(this.#secondNorm.apply(first), 'silu'));
      return tf.add(this.#shortcut?.apply(x) ?? x, second);
    });
  }
}

/** Returns the weights of the `ResnetBlock` of taming-transformers and LlamaGen. */
export function residualBlockReferenceWeights({
  inChannels,
  outChannels,
}: Pick<ResidualBlockOptions, 'inChannels' | 'outChannels'>): ReferenceWeight[] {
  return [
    ...prefixReferenceWeights(groupNormReferenceWeights(), 'firstNorm', 'norm1'),
    ...prefixReferenceWeights(convolutionReferenceWeights(), 'firstConvolution', 'conv1'),
    ...prefixReferenceWeights(groupNormReferenceWeights(), 'secondNorm', 'norm2'),
    ...prefixReferenceWeights(convolutionReferenceWeights(), 'secondConvolution', 'conv2'),
    ...(inChannels === outChannels
      ? []
      : prefixReferenceWeights(pointwiseConvolutionReferenceWeights(), 'shortcut', 'nin_shortcut')),
  ];
}
