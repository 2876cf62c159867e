import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D, Variable } from '@tensorflow/tfjs-core';
import {
  Module,
  assertInteger,
  assertShape,
  checkOptions,
  convolutionWeight,
  sameWeight,
  split,
  torchLinearInitializer,
  type OptionTable,
} from '@vitvq/core';
import type { Initializer, RandomKey, ReferenceWeight } from '@vitvq/core';
import { convolve } from './internal/convolve.js';
import { toSides, type Sides } from './internal/pad-images.js';
import type { Padding2D } from './padding-2d.js';

/** Options of {@link Convolution}. */
export interface ConvolutionOptions {
  /** Channels of the input. */
  readonly inChannels: number;
  /** Channels of the output. */
  readonly outChannels: number;
  /** Height and width of the filter in pixels. @default 3 */
  readonly kernelSize?: number;
  /** Distance in pixels between two positions of the filter. @default 1 */
  readonly stride?: number;
  /**
   * Zeros around the image. `same` makes an output of ceil(H / stride) x ceil(W / stride): it pads
   * evenly for stride 1 and an odd filter, and for stride 2, a 3x3 filter and images of even size
   * at the bottom and on the right only, as VQGAN's downsampling does. @default 'same'
   */
  readonly padding?: 'same' | Padding2D;
  /** @default true */
  readonly useBias?: boolean;
  /** Whether an optimizer moves the variables. @default true */
  readonly trainable?: boolean;
  /**
   * Initializer of the weight. @default that of PyTorch's `nn.Conv2d`: U(-b, b) with
   * b = 1 / sqrt(k·k·in)
   */
  readonly initializer?: Initializer;
  /** Initializer of the bias. @default that of PyTorch's `nn.Conv2d`, the same as the weight's */
  readonly biasInitializer?: Initializer;
  readonly key: RandomKey;
}

const convolutionOptionNames: OptionTable<ConvolutionOptions> = {
  inChannels: 'required',
  outChannels: 'required',
  kernelSize: 'optional',
  stride: 'optional',
  padding: 'optional',
  useBias: 'optional',
  trainable: 'optional',
  initializer: 'optional',
  biasInitializer: 'optional',
  key: 'required',
};

/** 2-D convolution. Variables: `weight` `[k, k, in, out]` and `bias` `[out]`. */
export class Convolution extends Module {
  readonly inChannels: number;
  readonly stride: number;
  readonly weight: Variable<tf.Rank.R4>;
  readonly bias: Variable<tf.Rank.R1> | undefined;
  readonly #padding: 'same' | Sides;

  /** @throws {ConfigError} */
  constructor(options: ConvolutionOptions) {
    super();
    checkOptions(options, convolutionOptionNames, 'Convolution', { allowOthers: true });
    const { inChannels, outChannels, kernelSize = 3, stride = 1, padding = 'same', key } = options;
    for (const [name, value] of Object.entries({ inChannels, outChannels, kernelSize, stride })) {
      assertInteger(value, name, 'Convolution');
    }
    this.inChannels = inChannels;
    this.stride = stride;
    this.#padding = padding === 'same' ? padding : toSides(padding, 'padding', 'Convolution', 0);
    const { useBias = true, trainable = true } = options;
    const fromTorch = torchLinearInitializer(kernelSize ** 2 * inChannels);
    const { initializer = fromTorch, biasInitializer = fromTorch } = options;
    const [weightKey, biasKey] = split(key);
    const shape = [kernelSize, kernelSize, inChannels, outChannels];
    this.weight = this.variable('weight', initializer(weightKey!, shape), { trainable });
    this.bias = useBias ? this.variable('bias', biasInitializer(biasKey!, [outChannels]), { trainable }) : undefined;
  }

  /**
   * Convolves images `[B, H, W, in]` to `[B, H', W', out]`, where H' is ceil(H / stride) with the
   * padding `same` and otherwise floor((H + top + bottom - k) / stride) + 1.
   * @throws {ShapeError} when the images have other channels
   */
  apply(x: Tensor4D): Tensor4D {
    assertShape(x, ['B', 'H', 'W', this.inChannels], 'Convolution.apply');
    return tf.tidy(() => {
      const y = convolve(x, this.weight, this.stride, this.#padding);
      return this.bias ? tf.add(y, this.bias) : y;
    });
  }
}

/** Returns the weights of an `nn.Conv2d`. */
export function convolutionReferenceWeights({
  useBias = true,
}: Pick<ConvolutionOptions, 'useBias'> = {}): ReferenceWeight[] {
  return [convolutionWeight('weight', 'weight'), ...(useBias ? [sameWeight('bias', 'bias')] : [])];
}
