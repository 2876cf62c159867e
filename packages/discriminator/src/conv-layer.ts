import * as tf from '@tensorflow/tfjs-core';
import {
  constantInitializer,
  Module,
  prefixReferenceWeights,
  sameWeight,
  split,
  type RandomKey,
  type ReferenceWeight,
} from '@vitvq/core';
import { fusedLeakyRelu } from './activation.js';
import { EqualConv2d, equalConv2dReferenceWeights } from './equalized.js';
import { blurKernel as makeBlurKernel, upfirdn2d } from './upfirdn2d.js';

export interface ConvLayerOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: number;
  /** Whether the image is blurred and halved. @default false */
  readonly downsample?: boolean;
  /** Taps of the blur along one axis; only used with `downsample`. @default [1, 3, 3, 1] */
  readonly blurKernel?: readonly number[];
  /** @default true */
  readonly useBias?: boolean;
  /** Whether `leakyRelu(x + bias) · sqrt(2)` follows. @default true */
  readonly activate?: boolean;
  readonly key: RandomKey;
}

/**
 * Blur and halving, equalised convolution, activation: `ConvLayer` of StyleGAN2's discriminator (arXiv:1912.04958). Without
 * `downsample` the size stays. The halving of a 1x1 convolution is done while blurring, which gives the same values for a
 * quarter of the work.
 *
 * Variables: `convolution.weight`, and `bias` (`convolution.bias` where nothing is activated).
 */
export class ConvLayer extends Module {
  readonly convolution: EqualConv2d;
  readonly bias: tf.Variable<tf.Rank.R1> | undefined;
  readonly #blur: { shape: number[]; data: Float32Array } | undefined;
  readonly #pad: readonly [number, number];
  readonly #activate: boolean;

  /** @throws {ConfigError} */
  constructor({
    inChannels,
    outChannels,
    kernelSize,
    downsample = false,
    blurKernel = [1, 3, 3, 1],
    useBias = true,
    activate = true,
    key,
  }: ConvLayerOptions) {
    super();
    const [weightKey, biasKey] = split(key);
    this.bias =
      activate && useBias ? this.variable('bias', constantInitializer(0)(biasKey!, [outChannels])) : undefined;
    this.convolution = this.child(
      'convolution',
      new EqualConv2d({
        inChannels,
        outChannels,
        kernelSize,
        stride: downsample && kernelSize > 1 ? 2 : 1,
        padding: downsample ? 0 : Math.floor(kernelSize / 2),
        useBias: useBias && !activate,
        key: weightKey!,
      }),
    );
    const around = blurKernel.length - 2 + kernelSize - 1;
    this.#pad = [Math.ceil(around / 2), Math.floor(around / 2)];
    this.#blur = downsample ? makeBlurKernel(blurKernel, 'ConvLayer') : undefined;
    this.#activate = activate;
  }

  /** `[B, H, W, in]` to `[B, H, W, out]`, or `[B, H / 2, W / 2, out]` with `downsample`. @throws {ShapeError} */
  apply(x: tf.Tensor4D): tf.Tensor4D {
    return tf.tidy(() => {
      const y = this.convolution.apply(this.#blur ? this.#blurred(x, this.#blur) : x);
      return this.#activate ? fusedLeakyRelu(y, this.bias) : y;
    });
  }

  #blurred(x: tf.Tensor4D, { shape, data }: { shape: number[]; data: Float32Array }): tf.Tensor4D {
    // A copy: TensorFlow.js would keep the array as the tensor's storage.
    const kernel = tf.tensor2d(data.slice(), shape as [number, number]);
    return upfirdn2d(x, kernel, { pad: this.#pad, down: this.convolution.stride === 1 ? 2 : 1 });
  }
}

/** Weights of the reference's `ConvLayer`, an `nn.Sequential`. The blur kernel that it stores is made from the options here. */
export function convLayerReferenceWeights({
  downsample = false,
  useBias = true,
  activate = true,
}: Pick<ConvLayerOptions, 'downsample' | 'useBias' | 'activate'> = {}): ReferenceWeight[] {
  const convolution = downsample ? 1 : 0;
  return [
    ...prefixReferenceWeights(
      equalConv2dReferenceWeights({ useBias: useBias && !activate }),
      'convolution',
      String(convolution),
    ),
    ...(useBias && activate ? [sameWeight('bias', `${convolution + 1}.bias`)] : []),
  ];
}
