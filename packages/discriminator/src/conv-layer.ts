import * as tf from '@tensorflow/tfjs-core';
import {
  Module,
  checkOptions,
  constantInitializer,
  prefixReferenceWeights,
  sameWeight,
  split,
  type OptionTable,
} from '@vitvq/core';
import type { HostTensor, RandomKey, ReferenceWeight } from '@vitvq/core';
import {
  blurKernel as makeBlurKernel,
  EqualConv2d,
  equalConv2dReferenceWeights,
  fusedLeakyRelu,
  separableBlur,
  upfirdn2d,
  type BlurTaps,
  type Padding2D,
  type SeparableKernel,
} from '@vitvq/layers';

/** Options of {@link ConvLayer}. */
export interface ConvLayerOptions {
  /** Channels of the input. */
  readonly inChannels: number;
  /** Channels of the output. */
  readonly outChannels: number;
  /** Height and width of the filter in pixels. */
  readonly kernelSize: number;
  /** Whether the image is blurred and halved. @default false */
  readonly downsample?: boolean;
  /**
   * Taps of the blur along one axis, or a two-dimensional kernel; used with `downsample` only.
   * @default [1, 3, 3, 1]
   */
  readonly blurKernel?: BlurTaps;
  /**
   * Zeros around the image before the blur; used with `downsample` only.
   * @default what halves an image of even size, with the odd pixel on the left and at the top
   */
  readonly blurPadding?: Padding2D;
  /** @default true */
  readonly useBias?: boolean;
  /** Whether `leakyRelu(x + bias) · sqrt(2)` follows. @default true */
  readonly activate?: boolean;
  readonly key: RandomKey;
}

const convLayerOptionNames: OptionTable<ConvLayerOptions> = {
  inChannels: 'required',
  outChannels: 'required',
  kernelSize: 'required',
  downsample: 'optional',
  blurKernel: 'optional',
  blurPadding: 'optional',
  useBias: 'optional',
  activate: 'optional',
  key: 'required',
};

/**
 * Blur and halving, equalised convolution, activation: `ConvLayer` of StyleGAN2's discriminator
 * (arXiv:1912.04958). Without `downsample` the size stays. A 1x1 convolution needs only the pixels
 * that are left, so that the blur halves the image then: the same values for a quarter of the work.
 *
 * Variables: `convolution.weight`, and `bias` (`convolution.bias` where nothing is activated).
 */
export class ConvLayer extends Module {
  readonly convolution: EqualConv2d;
  readonly bias: tf.Variable<tf.Rank.R1> | undefined;
  readonly #blur: { readonly kernel: HostTensor | SeparableKernel; readonly pad: Padding2D } | undefined;
  readonly #activate: boolean;

  /** @throws {ConfigError} */
  constructor(options: ConvLayerOptions) {
    super();
    checkOptions(options, convLayerOptionNames, 'ConvLayer', { allowOthers: true });
    const { inChannels, outChannels, kernelSize, downsample = false, useBias = true, activate = true, key } = options;
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
    if (downsample) {
      const taps = options.blurKernel ?? [1, 3, 3, 1];
      const kernel = makeBlurKernel(taps, 'ConvLayer');
      const pad = options.blurPadding ?? halvingPadding(kernel.shape, kernelSize);
      this.#blur = { kernel: separableBlur(taps, 'ConvLayer') ?? kernel, pad };
    }
    this.#activate = activate;
  }

  /**
   * Maps `[B, H, W, in]` to `[B, H, W, out]`, or to `[B, H / 2, W / 2, out]` with `downsample`.
   * @throws {ShapeError} when the input has other channels
   */
  apply(x: tf.Tensor4D): tf.Tensor4D {
    return tf.tidy(() => {
      const y = this.convolution.apply(this.#blurred(x));
      return this.#activate ? fusedLeakyRelu(y, this.bias) : y;
    });
  }

  #blurred(x: tf.Tensor4D): tf.Tensor4D {
    if (!this.#blur) return x;
    const { kernel, pad } = this.#blur;
    // A copy: TensorFlow.js would keep the array as the tensor's storage.
    const taps = 'data' in kernel ? tf.tensor2d(kernel.data.slice(), kernel.shape as [number, number]) : kernel;
    return upfirdn2d(x, taps, { pad, down: this.convolution.stride === 1 ? 2 : 1 });
  }
}

/** Padding with which a blur and a convolution of stride 2 halve an image of even size. */
function halvingPadding([kernelHeight, kernelWidth]: readonly number[], kernelSize: number): Padding2D {
  const around = (taps: number): readonly [number, number] => {
    const total = taps - 2 + kernelSize - 1;
    return [Math.ceil(total / 2), Math.floor(total / 2)];
  };
  return [...around(kernelWidth!), ...around(kernelHeight!)];
}

/**
 * Returns the weights of the reference's `ConvLayer`, an `nn.Sequential`. The blur kernel that it
 * stores is left out: it follows from the options.
 */
export function convLayerReferenceWeights(
  options: Pick<ConvLayerOptions, 'downsample' | 'useBias' | 'activate'> = {},
): ReferenceWeight[] {
  const where = 'convLayerReferenceWeights';
  const names = { downsample: 'optional', useBias: 'optional', activate: 'optional' } as const;
  const {
    downsample = false,
    useBias = true,
    activate = true,
  } = checkOptions(options, names, where, {
    allowOthers: true,
  });
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
