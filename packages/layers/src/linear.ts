import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D, Variable } from '@tensorflow/tfjs-core';
import {
  Module,
  ShapeError,
  assertInteger,
  checkOptions,
  constantInitializer,
  formatShape,
  linearWeight,
  sameWeight,
  shardOverModel,
  split,
  xavierUniformInitializer,
  type Initializer,
  type OptionTable,
  type RandomKey,
  type ReferenceWeight,
} from '@vitvq/core';

/** Options of {@link Linear}. */
export interface LinearOptions {
  /** Size of the last axis of the input. */
  readonly inFeatures: number;
  /** Size of the last axis of the output. */
  readonly outFeatures: number;
  /** @default true */
  readonly useBias?: boolean;
  readonly key: RandomKey;
  /**
   * Initializer of the weight `[in, out]`. @default xavierUniformInitializer, as every dense layer
   * of the ViT in the reference
   */
  readonly initializer?: Initializer;
  /**
   * Features that may lie on several devices where the engine has a mesh with an axis `model`
   * (tensor parallelism): the outputs of the first of two layers, the inputs of the second, so that
   * what is between them is never gathered. @default none
   */
  readonly shard?: 'inputs' | 'outputs';
  /** Initializer of the bias `[out]`. @default constantInitializer(0) */
  readonly biasInitializer?: Initializer;
}

const linearOptionNames: OptionTable<LinearOptions> = {
  inFeatures: 'required',
  outFeatures: 'required',
  useBias: 'optional',
  key: 'required',
  initializer: 'optional',
  biasInitializer: 'optional',
  shard: 'optional',
};

/**
 * Dense layer `x · weight + bias` over the last axis. Variables: `weight` `[in, out]` (PyTorch
 * keeps the transpose) and `bias` `[out]`. Leading axes are folded into one, so that the layer
 * takes one 2-D matrix product forward and two backward.
 */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly weight: Variable<tf.Rank.R2>;
  readonly bias: Variable<tf.Rank.R1> | undefined;

  constructor(options: LinearOptions) {
    super();
    const {
      inFeatures,
      outFeatures,
      useBias = true,
      key,
      initializer = xavierUniformInitializer,
      biasInitializer = constantInitializer(0),
      shard,
    } = checkOptions(options, linearOptionNames, 'Linear', { allowOthers: true });
    assertInteger(inFeatures, 'inFeatures', 'Linear');
    assertInteger(outFeatures, 'outFeatures', 'Linear');
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    const [weightKey, biasKey] = split(key);
    this.weight = this.variable<tf.Rank.R2>('weight', initializer(weightKey!, [inFeatures, outFeatures]));
    this.bias = useBias ? this.variable<tf.Rank.R1>('bias', biasInitializer(biasKey!, [outFeatures])) : undefined;
    if (shard) shardOverModel(this.weight, shard === 'inputs' ? 0 : 1);
    if (shard === 'outputs' && this.bias) shardOverModel(this.bias, 0);
  }

  /**
   * Maps `[..., in]` to `[..., out]`.
   * @throws {ShapeError} when the last axis is not `inFeatures`
   */
  apply<T extends Tensor>(x: T): T {
    if (x.rank === 0 || x.shape.at(-1) !== this.inFeatures) {
      throw new ShapeError({
        where: 'Linear.apply',
        expected: `last axis ${this.inFeatures} (inFeatures)`,
        got: formatShape(x.shape),
      });
    }
    return tf.tidy(() => {
      const rows = x.rank === 2 ? (x as Tensor as Tensor2D) : tf.reshape<tf.Rank.R2>(x, [-1, this.inFeatures]);
      const product = tf.matMul(rows, this.weight); // [rows, out]
      const y: Tensor = this.bias ? tf.add(product, this.bias) : product;
      return (x.rank === 2 ? y : tf.reshape(y, [...x.shape.slice(0, -1), this.outFeatures])) as T;
    });
  }
}

/** Returns the weights of an `nn.Linear`. */
export function linearReferenceWeights({ useBias = true }: { readonly useBias?: boolean } = {}): ReferenceWeight[] {
  return [linearWeight('weight', 'weight'), ...(useBias ? [sameWeight('bias', 'bias')] : [])];
}
