import * as tf from '@tensorflow/tfjs-core';
import {
  assertInRange,
  assertInteger,
  assertShape,
  ConfigError,
  constantInitializer,
  convolutionWeight,
  linearWeight,
  Module,
  normalInitializer,
  sameWeight,
  type RandomKey,
  type ReferenceWeight,
} from '@vitvq/core';
import { fusedLeakyRelu } from './activation.js';

export interface EqualConv2dOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  /** Height and width of the filter. */
  readonly kernelSize: number;
  /** @default 1 */
  readonly stride?: number;
  /** Zeros on every side. @default 0 */
  readonly padding?: number;
  /** @default true */
  readonly useBias?: boolean;
  readonly key: RandomKey;
}

/**
 * Convolution with an equalised learning rate (Karras et al. 2018, arXiv:1710.10196, sec. 4.1): the weight is drawn from N(0, 1)
 * and scaled by 1 / sqrt(fan-in) in use, so that an optimizer that normalises gradients moves every layer equally fast.
 *
 * Variables: `weight` `[kh, kw, in, out]`, `bias` `[out]`.
 */
export class EqualConv2d extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: number;
  readonly padding: number;
  readonly weight: tf.Variable<tf.Rank.R4>;
  readonly bias: tf.Variable<tf.Rank.R1> | undefined;
  readonly #scale: number;

  /** @throws {ConfigError} */
  constructor({
    inChannels,
    outChannels,
    kernelSize,
    stride = 1,
    padding = 0,
    useBias = true,
    key,
  }: EqualConv2dOptions) {
    super();
    assertInteger(inChannels, 'inChannels', 'EqualConv2d');
    assertInteger(outChannels, 'outChannels', 'EqualConv2d');
    assertInteger(kernelSize, 'kernelSize', 'EqualConv2d');
    assertInteger(stride, 'stride', 'EqualConv2d');
    assertInteger(padding, 'padding', 'EqualConv2d', 0);
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.stride = stride;
    this.padding = padding;
    this.#scale = 1 / Math.sqrt(inChannels * kernelSize ** 2);
    this.weight = this.variable('weight', normalInitializer()(key, [kernelSize, kernelSize, inChannels, outChannels]));
    this.bias = useBias ? this.variable('bias', constantInitializer(0)(key, [outChannels])) : undefined;
  }

  /** `[B, H, W, in]` to `[B, H', W', out]`. @throws {ShapeError} */
  apply(x: tf.Tensor4D): tf.Tensor4D {
    assertShape(x, ['B', 'H', 'W', this.inChannels], 'EqualConv2d.apply');
    return tf.tidy(() => {
      const y = tf.conv2d(x, tf.mul(this.weight, this.#scale), this.stride, this.padding);
      return this.bias ? tf.add(y, this.bias) : y;
    });
  }
}

/** Weights of the reference's `EqualConv2d`. */
export function equalConv2dReferenceWeights({
  useBias = true,
}: Pick<EqualConv2dOptions, 'useBias'> = {}): ReferenceWeight[] {
  return [convolutionWeight('weight', 'weight'), ...(useBias ? [sameWeight('bias', 'bias')] : [])];
}

export interface EqualLinearOptions {
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** @default true */
  readonly useBias?: boolean;
  /** First value of the bias in use. @default 0 */
  readonly biasInit?: number;
  /** Learning rate of this layer relative to others: the variables are larger and scaled down in use. @default 1 */
  readonly learningRateMultiplier?: number;
  /** `fused-leaky-relu` is `leakyRelu(x + bias) · sqrt(2)`. @default 'none' */
  readonly activation?: 'none' | 'fused-leaky-relu';
  readonly key: RandomKey;
}

/**
 * Dense layer with an equalised learning rate (Karras et al. 2018, arXiv:1710.10196, sec. 4.1; multiplier: StyleGAN,
 * arXiv:1812.04948, appendix C). Weight and bias are multiplied by `learningRateMultiplier` in use. The reference starts the
 * bias at `biasInit` before that multiplication; here it starts at `biasInit` after it.
 *
 * Variables: `weight` `[in, out]`, `bias` `[out]`.
 */
export class EqualLinear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly weight: tf.Variable<tf.Rank.R2>;
  readonly bias: tf.Variable<tf.Rank.R1> | undefined;
  readonly #weightScale: number;
  readonly #biasScale: number;
  readonly #activate: boolean;

  /** @throws {ConfigError} */
  constructor({
    inFeatures,
    outFeatures,
    useBias = true,
    biasInit = 0,
    learningRateMultiplier = 1,
    activation = 'none',
    key,
  }: EqualLinearOptions) {
    super();
    assertInteger(inFeatures, 'inFeatures', 'EqualLinear');
    assertInteger(outFeatures, 'outFeatures', 'EqualLinear');
    assertInRange(biasInit, 'biasInit', 'EqualLinear', -Infinity);
    assertInRange(learningRateMultiplier, 'learningRateMultiplier', 'EqualLinear', 0);
    if (learningRateMultiplier === 0) {
      throw new ConfigError({ where: 'EqualLinear', expected: 'learningRateMultiplier to be positive', got: '0' });
    }
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.#weightScale = learningRateMultiplier / Math.sqrt(inFeatures);
    this.#biasScale = learningRateMultiplier;
    this.#activate = activation === 'fused-leaky-relu';
    const draw = normalInitializer(1 / learningRateMultiplier);
    this.weight = this.variable('weight', draw(key, [inFeatures, outFeatures]));
    this.bias = useBias
      ? this.variable('bias', constantInitializer(biasInit / learningRateMultiplier)(key, [outFeatures]))
      : undefined;
  }

  /** `[B, in]` to `[B, out]`. @throws {ShapeError} */
  apply(x: tf.Tensor2D): tf.Tensor2D {
    assertShape(x, ['B', this.inFeatures], 'EqualLinear.apply');
    return tf.tidy(() => {
      const y: tf.Tensor2D = tf.matMul(x, tf.mul<tf.Tensor2D>(this.weight, this.#weightScale));
      const bias = this.bias && (this.#biasScale === 1 ? this.bias : tf.mul<tf.Tensor1D>(this.bias, this.#biasScale));
      if (this.#activate) return fusedLeakyRelu(y, bias);
      return bias ? tf.add(y, bias) : y;
    });
  }
}

/** Weights of the reference's `EqualLinear`. */
export function equalLinearReferenceWeights({
  useBias = true,
}: Pick<EqualLinearOptions, 'useBias'> = {}): ReferenceWeight[] {
  return [linearWeight('weight', 'weight'), ...(useBias ? [sameWeight('bias', 'bias')] : [])];
}
