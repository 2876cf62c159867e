import * as tf from '@tensorflow/tfjs-core';
import { Module, checkOptions, prefixReferenceWeights, split, type OptionTable } from '@vitvq/core';
import type { RandomKey, ReferenceWeight } from '@vitvq/core';
import type { BlurTaps } from '@vitvq/layers';
import { ConvLayer, convLayerReferenceWeights } from './conv-layer.js';

/** Options of {@link StyleBlock}. */
export interface StyleBlockOptions {
  /** Channels of the input. */
  readonly inChannels: number;
  /** Channels of the output. */
  readonly outChannels: number;
  /** Taps of the blur along one axis, or a two-dimensional kernel. @default [1, 3, 3, 1] */
  readonly blurKernel?: BlurTaps;
  readonly key: RandomKey;
}

const styleBlockOptionNames: OptionTable<StyleBlockOptions> = {
  inChannels: 'required',
  outChannels: 'required',
  blurKernel: 'optional',
  key: 'required',
};

/**
 * Residual block that halves the image, `(conv2(conv1(x)) + skip(x)) / sqrt(2)` (StyleGAN2,
 * arXiv:1912.04958, fig. 7).
 *
 * Deviation: the reference's block ignores its `blur_kernel`; this one uses it.
 */
export class StyleBlock extends Module {
  readonly conv1: ConvLayer;
  readonly conv2: ConvLayer;
  readonly skip: ConvLayer;

  /** @throws {ConfigError} */
  constructor(options: StyleBlockOptions) {
    super();
    const { inChannels, outChannels, blurKernel, key } = checkOptions(options, styleBlockOptionNames, 'StyleBlock', {
      allowOthers: true,
    });
    const [key1, key2, skipKey] = split(key, 3);
    const halving = { inChannels, outChannels, downsample: true, blurKernel };
    this.conv1 = this.child('conv1', new ConvLayer({ inChannels, outChannels: inChannels, kernelSize: 3, key: key1! }));
    this.conv2 = this.child('conv2', new ConvLayer({ ...halving, kernelSize: 3, key: key2! }));
    this.skip = this.child(
      'skip',
      new ConvLayer({ ...halving, kernelSize: 1, useBias: false, activate: false, key: skipKey! }),
    );
  }

  /**
   * Maps `[B, H, W, in]` with even H and W to `[B, H / 2, W / 2, out]`.
   * @throws {ShapeError} when the input has other channels
   */
  apply(x: tf.Tensor4D): tf.Tensor4D {
    return tf.tidy(() => tf.mul(tf.add(this.conv2.apply(this.conv1.apply(x)), this.skip.apply(x)), Math.SQRT1_2));
  }
}

/** Returns the weights of the reference's `StyleBlock`. */
export function styleBlockReferenceWeights(): ReferenceWeight[] {
  return [
    ...prefixReferenceWeights(convLayerReferenceWeights(), 'conv1', 'conv1'),
    ...prefixReferenceWeights(convLayerReferenceWeights({ downsample: true }), 'conv2', 'conv2'),
    ...prefixReferenceWeights(
      convLayerReferenceWeights({ downsample: true, useBias: false, activate: false }),
      'skip',
      'skip',
    ),
  ];
}
