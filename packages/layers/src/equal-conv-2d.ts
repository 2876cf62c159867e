import * as tf from '@tensorflow/tfjs-core';
import {
  Module,
  assertInteger,
  assertShape,
  checkOptions,
  constantInitializer,
  convolutionWeight,
  normalInitializer,
  sameWeight,
  type OptionTable,
} from '@vitvq/core';
import type { RandomKey, ReferenceWeight } from '@vitvq/core';
import { convolve } from './internal/convolve.js';
import { toSides, type Sides } from './internal/pad-images.js';
import type { Padding2D } from './padding-2d.js';

/** Options of {@link EqualConv2d}. */
export interface EqualConv2dOptions {
  /** Channels of the input. */
  readonly inChannels: number;
  /** Channels of the output. */
  readonly outChannels: number;
  /** Height and width of the filter in pixels. */
  readonly kernelSize: number;
  /** Distance in pixels between two positions of the filter. @default 1 */
  readonly stride?: number;
  /** Zeros around the image. @default 0 */
  readonly padding?: Padding2D;
  /** @default true */
  readonly useBias?: boolean;
  readonly key: RandomKey;
}

const equalConv2dOptionNames: OptionTable<EqualConv2dOptions> = {
  inChannels: 'required',
  outChannels: 'required',
  kernelSize: 'required',
  stride: 'optional',
  padding: 'optional',
  useBias: 'optional',
  key: 'required',
};

/**
 * Convolution with an equalised learning rate (Karras et al. 2018, arXiv:1710.10196, sec. 4.1): the
 * weight starts at N(0, 1) and is scaled by 1 / sqrt(fan-in) in use, so that an optimizer that
 * normalises gradients moves every layer equally fast.
 *
 * Variables: `weight` `[k, k, in, out]` and `bias` `[out]`.
 */
export class EqualConv2d extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: number;
  readonly weight: tf.Variable<tf.Rank.R4>;
  readonly bias: tf.Variable<tf.Rank.R1> | undefined;
  readonly #padding: Sides;
  readonly #scale: number;

  /** @throws {ConfigError} */
  constructor(options: EqualConv2dOptions) {
    super();
    const {
      inChannels,
      outChannels,
      kernelSize,
      stride = 1,
      padding = 0,
      useBias = true,
      key,
    } = checkOptions(options, equalConv2dOptionNames, 'EqualConv2d', { allowOthers: true });
    for (const [name, value] of Object.entries({ inChannels, outChannels, kernelSize, stride })) {
      assertInteger(value, name, 'EqualConv2d');
    }
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.stride = stride;
    this.#padding = toSides(padding, 'padding', 'EqualConv2d', 0);
    this.#scale = 1 / Math.sqrt(inChannels * kernelSize ** 2);
    const shape = [kernelSize, kernelSize, inChannels, outChannels];
    this.weight = this.variable('weight', normalInitializer()(key, shape));
    this.bias = useBias ? this.variable('bias', constantInitializer(0)(key, [outChannels])) : undefined;
  }

  /**
   * Convolves images `[B, H, W, in]` to `[B, H', W', out]`.
   * @throws {ShapeError} when the images have other channels
   */
  apply(x: tf.Tensor4D): tf.Tensor4D {
    assertShape(x, ['B', 'H', 'W', this.inChannels], 'EqualConv2d.apply');
    return tf.tidy(() => {
      const y = convolve(x, tf.mul(this.weight, this.#scale), this.stride, this.#padding);
      return this.bias ? tf.add(y, this.bias) : y;
    });
  }
}

/** Returns the weights of the reference's `EqualConv2d`. */
export function equalConv2dReferenceWeights({
  useBias = true,
}: Pick<EqualConv2dOptions, 'useBias'> = {}): ReferenceWeight[] {
  return [convolutionWeight('weight', 'weight'), ...(useBias ? [sameWeight('bias', 'bias')] : [])];
}
