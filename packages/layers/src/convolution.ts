import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D, Variable } from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertShape,
  convolutionWeight,
  Module,
  sameWeight,
  split,
  torchLinearInitializer,
  type RandomKey,
  type ReferenceWeight,
} from '@vitvq/core';

export interface ConvolutionOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  /** Pixels; odd. @default 3 */
  readonly kernelSize?: number;
  /** How many pixels the kernel moves: an image of H x W gives one of ceil(H / stride) x ceil(W / stride). @default 1 */
  readonly stride?: number;
  readonly key: RandomKey;
}

/**
 * 2-D convolution; variables `weight` `[k, k, in, out]` and `bias` `[out]`, both starting as PyTorch's `nn.Conv2d` does:
 * U(-b, b) with b = 1 / sqrt(k·k·in).
 *
 * Zeros are put around the image as TensorFlow's `same` puts them: evenly for stride 1, and for stride 2 and images of even
 * size below and on the right only, as VQGAN's down-sampling asks for.
 */
export class Convolution extends Module {
  readonly inChannels: number;
  readonly stride: number;
  readonly weight: Variable<tf.Rank.R4>;
  readonly bias: Variable<tf.Rank.R1>;

  /** @throws {ConfigError} */
  constructor({ inChannels, outChannels, kernelSize = 3, stride = 1, key }: ConvolutionOptions) {
    super();
    for (const [name, value] of Object.entries({ inChannels, outChannels, kernelSize, stride })) {
      assertInteger(value, name, 'Convolution');
    }
    this.inChannels = inChannels;
    this.stride = stride;
    const [weightKey, biasKey] = split(key);
    const initializer = torchLinearInitializer(kernelSize ** 2 * inChannels);
    this.weight = this.variable('weight', initializer(weightKey!, [kernelSize, kernelSize, inChannels, outChannels]));
    this.bias = this.variable('bias', initializer(biasKey!, [outChannels]));
  }

  /** `[B, H, W, in]` to `[B, ceil(H / stride), ceil(W / stride), out]`. @throws {ShapeError} */
  apply(x: Tensor4D): Tensor4D {
    assertShape(x, ['B', 'H', 'W', this.inChannels], 'Convolution.apply');
    return tf.tidy(() => tf.add(tf.conv2d(x, this.weight, this.stride, 'same'), this.bias));
  }
}

/** Weights of an `nn.Conv2d`. */
export function convolutionReferenceWeights(): ReferenceWeight[] {
  return [convolutionWeight('weight', 'weight'), sameWeight('bias', 'bias')];
}
