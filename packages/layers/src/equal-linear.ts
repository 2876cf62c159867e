import * as tf from '@tensorflow/tfjs-core';
import {
  ConfigError,
  Module,
  assertInRange,
  assertInteger,
  assertShape,
  checkOptions,
  constantInitializer,
  linearWeight,
  normalInitializer,
  sameWeight,
  type OptionTable,
} from '@vitvq/core';
import type { RandomKey, ReferenceWeight } from '@vitvq/core';
import { fusedLeakyRelu } from './leaky-relu.js';

/** Options of {@link EqualLinear}. */
export interface EqualLinearOptions {
  /** Size of the last axis of the input. */
  readonly inFeatures: number;
  /** Size of the last axis of the output. */
  readonly outFeatures: number;
  /** @default true */
  readonly useBias?: boolean;
  /** First value of the bias in use. @default 0 */
  readonly biasInit?: number;
  /**
   * Learning rate of this layer relative to others: the variables start larger by its inverse and
   * are scaled down in use. @default 1
   */
  readonly learningRateMultiplier?: number;
  /** `fused-leaky-relu` is `leakyRelu(x + bias) · sqrt(2)`. @default 'none' */
  readonly activation?: 'none' | 'fused-leaky-relu';
  readonly key: RandomKey;
}

const equalLinearOptionNames: OptionTable<EqualLinearOptions> = {
  inFeatures: 'required',
  outFeatures: 'required',
  useBias: 'optional',
  biasInit: 'optional',
  learningRateMultiplier: 'optional',
  activation: 'optional',
  key: 'required',
};

/**
 * Dense layer with an equalised learning rate (Karras et al. 2018, arXiv:1710.10196, sec. 4.1;
 * multiplier: StyleGAN, arXiv:1812.04948, appendix C). Weight and bias are multiplied by
 * `learningRateMultiplier` in use.
 *
 * Deviation: the reference starts the bias at `biasInit` before that multiplication, this layer at
 * `biasInit` after it.
 *
 * Variables: `weight` `[in, out]` and `bias` `[out]`.
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
  constructor(options: EqualLinearOptions) {
    super();
    const {
      inFeatures,
      outFeatures,
      useBias = true,
      biasInit = 0,
      learningRateMultiplier = 1,
      activation = 'none',
      key,
    } = checkOptions(options, equalLinearOptionNames, 'EqualLinear', { allowOthers: true });
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

  /** Maps `[B, in]` to `[B, out]`. @throws {ShapeError} when the last axis is not `inFeatures` */
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

/** Returns the weights of the reference's `EqualLinear`. */
export function equalLinearReferenceWeights({
  useBias = true,
}: Pick<EqualLinearOptions, 'useBias'> = {}): ReferenceWeight[] {
  return [linearWeight('weight', 'weight'), ...(useBias ? [sameWeight('bias', 'bias')] : [])];
}
