import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { assertShape, checkOptions, Module, split, type OptionTable } from '@vitvq/core';
import type { Codebook, QuantizeContext, QuantizeResult, Quantizer } from '@vitvq/core';
import { z } from 'zod';
import { ChannelGroups } from './internal/channel-groups.js';
import { Digits } from './internal/digits.js';
import { singleCodeKinds } from './internal/single-code-kinds.js';
import { buildQuantizer, quantizerSchema, type QuantizerKind } from './quantizer-kind.js';

/** Options of a {@link ProductQuantizer}. */
export interface ProductQuantizerOptions {
  /**
   * At least two quantizers with one code a token, of any `codebookSize` and `codeDim`, whose
   * numbers of codes multiply to at most 2^24.
   */
  readonly quantizers: readonly Quantizer[];
}

const productQuantizerOptionNames: OptionTable<ProductQuantizerOptions> = { quantizers: 'required' };

/**
 * Cuts the channels into groups, quantizes each of them, and makes one code of their codes (product
 * quantization, Jégou et al., TPAMI 2011): K is the product of the quantizers' numbers of codes,
 * and an index has the quantizers' indices as its digits, the first one counting least. A few small
 * tables make a large vocabulary; a `GroupedQuantizer` keeps the codes of a token apart.
 *
 * Variables: those of the quantizers, as `quantizers.0.*`, `quantizers.1.*`, ...
 *
 * The loss is the mean of the quantizers' losses. `codebook` has a table for each quantizer; codes
 * that are chosen and reset are those of the tables, not their combinations.
 */
export class ProductQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly codeDepth = 1;
  readonly gradient: NonNullable<Quantizer['gradient']>;
  readonly temperature?: number;
  /** Present where all quantizers have one. */
  readonly codebook?: Codebook;
  readonly quantizers: readonly Quantizer[];
  /** Returns the shape of the noise of all quantizers. Undefined where they draw nothing. */
  readonly noiseShape?: (batch: number, tokens: number) => readonly number[];
  readonly #groups: ChannelGroups;
  readonly #digits: Digits;

  /**
   * @throws {ConfigError} for fewer than two quantizers, one with several codes a token, and more
   *   codes than 2^24
   */
  constructor(options: ProductQuantizerOptions) {
    super();
    const where = 'ProductQuantizer';
    const { quantizers } = checkOptions(options, productQuantizerOptionNames, where);
    this.#groups = new ChannelGroups(quantizers, where);
    const sizes = quantizers.map(({ codebookSize }) => codebookSize);
    this.#digits = new Digits(sizes, 'codebookSize', where);
    this.quantizers = quantizers.map((quantizer, group) => this.child(`quantizers.${group}`, quantizer));
    this.codebookSize = this.#digits.size;
    this.codeDim = this.#groups.codeDim;
    this.gradient = this.#groups.gradient;
    this.temperature = this.#groups.temperature;
    this.codebook = this.#groups.codebook;
    this.noiseShape = this.#groups.noiseShape;
  }

  /**
   * Quantizes each group of channels.
   * @param z  encoder output, float32 `[B, N, E]`
   * @returns  `quantized` `[B, N, E]`; `indices` int32 `[B, N]` in `[0, K)`; `loss`, scalar
   * @throws {ShapeError}
   */
  quantize(z: Tensor3D, context: QuantizeContext = {}): QuantizeResult & { indices: Tensor2D } {
    const where = 'ProductQuantizer.quantize';
    assertShape(z, ['B', 'N', this.codeDim], where, 'Project z to codeDim first.');
    if (context.mask) assertShape(context.mask, z.shape.slice(0, 2), `${where}, mask`);
    return tf.tidy(() => {
      const { quantized, indices, loss } = this.#groups.quantize(z, context);
      const digits = tf.cast(tf.stack<Tensor2D>([...indices], 2), 'float32');
      return { quantized, indices: this.#digits.toIndices(digits) as Tensor2D, loss };
    });
  }

  /**
   * Returns the codes of int32 indices: `[B, N]` to `[B, N, E]`, NaN for an index out of range.
   * @throws {ShapeError}
   */
  decode(indices: Tensor2D): Tensor3D {
    assertShape(indices, ['B', 'N'], 'ProductQuantizer.decode');
    return tf.tidy(() => {
      const digits = this.#digits.toDigits(indices);
      const isCode = tf.logicalNot(tf.isNaN(digits));
      const chosen = tf.cast(tf.where(isCode, digits, tf.zerosLike(digits)), 'int32');
      const codes = this.#groups.decode(tf.unstack(chosen, 2) as Tensor2D[]);
      const isRow = tf.tile(tf.slice(isCode, [0, 0, 0], [-1, -1, 1]), [1, 1, this.codeDim]);
      return tf.where<Tensor3D>(isRow, codes, tf.fill<tf.Rank.R3>(codes.shape, NaN));
    });
  }

  /** Maps each group of channels of features to where its codes lie. */
  bound(z: Tensor3D): Tensor3D {
    return this.#groups.bound(z);
  }
}

const schema = z.strictObject({
  /** Quantizer of each group, at least two; their numbers of codes multiply to at most 2^24. */
  quantizers: z.array(quantizerSchema(singleCodeKinds)).min(2).max(24).readonly(),
});

/** Kind `product`: one code a token, made of the codes of groups of channels. */
export const productKind = {
  schema,
  create: ({ quantizers }, key) => {
    const keys = split(key, quantizers.length);
    return new ProductQuantizer({
      quantizers: quantizers.map((config, group) => buildQuantizer(config, keys[group]!, singleCodeKinds)),
    });
  },
} satisfies QuantizerKind<typeof schema>;
