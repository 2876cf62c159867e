import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { assertInteger, assertShape, checkOptions, ConfigError, Module, split, type OptionTable } from '@vitvq/core';
import type { Codebook, QuantizeContext, QuantizeResult, Quantizer } from '@vitvq/core';
import { z } from 'zod';
import { ChannelGroups } from './internal/channel-groups.js';
import { integer } from './internal/config-schemas.js';
import { sharedCodebook } from './internal/group-codebook.js';
import { singleCodeKinds } from './internal/single-code-kinds.js';
import { likeCodes } from './like-codes.js';
import { buildQuantizer, quantizerSchema, type QuantizerKind } from './quantizer-kind.js';

/**
 * Options of a {@link GroupedQuantizer} with one quantizer, and so one codebook, for all groups.
 */
export interface SharedGroupedQuantizerOptions {
  /** Quantizer of a group's channels, with one code a token. */
  readonly quantizer: Quantizer;
  /** Number of groups, L; at least 2. */
  readonly groups: number;
}

/** Options of a {@link GroupedQuantizer} with a quantizer of its own for each group. */
export interface SeparateGroupedQuantizerOptions {
  /** At least two quantizers with one code a token, of the same `codebookSize`. */
  readonly quantizers: readonly Quantizer[];
}

/** Options of a {@link GroupedQuantizer}. */
export type GroupedQuantizerOptions = SharedGroupedQuantizerOptions | SeparateGroupedQuantizerOptions;

const sharedOptionNames: OptionTable<SharedGroupedQuantizerOptions> = { quantizer: 'required', groups: 'required' };
const separateOptionNames: OptionTable<SeparateGroupedQuantizerOptions> = { quantizers: 'required' };

/** Quantizes the channels of features, with as many codes a token as there are groups. */
interface Groups extends Pick<Quantizer, 'gradient' | 'temperature' | 'codebook' | 'noiseShape'> {
  readonly codeDim: number;
  quantize(z: Tensor3D, context: QuantizeContext): QuantizeResult & { indices: Tensor3D };
  decode(indices: Tensor3D): Tensor3D;
  bound(z: Tensor3D): Tensor3D;
}

/**
 * Cuts the channels into L groups and quantizes each of them, so that a token has L codes (product
 * quantization, Jégou et al., TPAMI 2011; wav2vec 2.0, arXiv:2006.11477, section 2; groups that
 * share a codebook are the multi-head quantization of vector-quantize-pytorch). Unlike the codes of
 * a `ResidualQuantizer` those of a token have no order. A `ProductQuantizer` makes one code of
 * them.
 *
 * Variables: those of the quantizers, as `quantizer.*` where the groups share one, else as
 * `quantizers.0.*`, `quantizers.1.*`, ...
 *
 * A codebook that groups share sees the groups of a token as tokens of their own. The loss is the
 * mean of the groups' losses; a shared quantizer has one of all groups.
 */
export class GroupedQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly codeDepth: number;
  readonly gradient: NonNullable<Quantizer['gradient']>;
  readonly temperature?: number;
  /** Present where the quantizers have one. */
  readonly codebook?: Codebook;
  /** One for each group; the same one every time where the groups share it. */
  readonly quantizers: readonly Quantizer[];
  /** Returns the shape of the noise of all groups. Undefined where they draw nothing. */
  readonly noiseShape?: (batch: number, tokens: number) => readonly number[];
  readonly #groups: Groups;

  /** @throws {ConfigError} for fewer than two groups, and for quantizers that do not fit */
  constructor(options: GroupedQuantizerOptions) {
    super();
    const where = 'GroupedQuantizer';
    if (typeof options === 'object' && options !== null && 'quantizers' in options) {
      const { quantizers } = checkOptions(options, separateOptionNames, where);
      this.#groups = separateGroups(quantizers);
      this.quantizers = quantizers.map((quantizer, group) => this.child(`quantizers.${group}`, quantizer));
    } else {
      const { quantizer, groups } = checkOptions(options, sharedOptionNames, where);
      this.#groups = sharedGroups(quantizer, groups);
      const shared = this.child('quantizer', quantizer);
      this.quantizers = Array.from({ length: groups }, () => shared);
    }
    this.codebookSize = this.quantizers[0]!.codebookSize;
    this.codeDim = this.#groups.codeDim;
    this.codeDepth = this.quantizers.length;
    this.gradient = this.#groups.gradient ?? 'straight-through';
    this.temperature = this.#groups.temperature;
    this.codebook = this.#groups.codebook;
    this.noiseShape = this.#groups.noiseShape;
  }

  /**
   * Quantizes each group of channels.
   * @param z  encoder output, float32 `[B, N, E]`
   * @returns  `quantized` `[B, N, E]`; `indices` int32 `[B, N, L]`; `loss`, scalar
   * @throws {ShapeError}
   */
  quantize(z: Tensor3D, context: QuantizeContext = {}): QuantizeResult & { indices: Tensor3D } {
    assertShape(z, ['B', 'N', this.codeDim], 'GroupedQuantizer.quantize', 'Project z to codeDim first.');
    if (context.mask) assertShape(context.mask, z.shape.slice(0, 2), 'GroupedQuantizer.quantize, mask');
    return tf.tidy(() => ({ ...this.#groups.quantize(z, context) }));
  }

  /**
   * Returns the codes of int32 indices: `[B, N, L]` to `[B, N, E]`.
   * @throws {ShapeError}
   */
  decode(indices: Tensor3D): Tensor3D {
    assertShape(indices, ['B', 'N', this.codeDepth], 'GroupedQuantizer.decode');
    return tf.tidy(() => this.#groups.decode(indices));
  }

  /** Maps each group of channels of features to where its codes lie. */
  bound(z: Tensor3D): Tensor3D {
    return this.#groups.bound(z);
  }
}

/** @throws {ConfigError} */
function separateGroups(quantizers: readonly Quantizer[]): Groups {
  const where = 'GroupedQuantizer';
  const groups = new ChannelGroups(quantizers, where);
  const { codebookSize } = quantizers[0]!;
  quantizers.forEach((quantizer, group) => {
    if (quantizer.codebookSize !== codebookSize) {
      const got = `${quantizer.codebookSize} codes in group ${group}`;
      throw new ConfigError({ where, expected: `${codebookSize} codes in every group`, got });
    }
  });
  const { codeDim, gradient, temperature, codebook, noiseShape } = groups;
  return {
    codeDim,
    gradient,
    temperature,
    codebook,
    noiseShape,
    quantize: (z, context) => {
      const { indices, ...result } = groups.quantize(z, context);
      return { ...result, indices: tf.stack<Tensor2D>([...indices], 2) as Tensor3D };
    },
    decode: (indices) => groups.decode(tf.unstack(indices, 2) as Tensor2D[]),
    bound: (z) => groups.bound(z),
  };
}

/** @throws {ConfigError} */
function sharedGroups(quantizer: Quantizer, groups: number): Groups {
  const where = 'GroupedQuantizer';
  assertInteger(groups, 'groups', where, 2);
  const { codeDim, codeDepth, gradient, temperature } = quantizer;
  if (codeDepth !== 1)
    throw new ConfigError({ where, expected: 'one code a token of every group', got: `${codeDepth}` });
  const split = ({ shape: [batch, tokens] }: Tensor3D): [number, number, number] => [batch, tokens * groups, codeDim];
  return {
    codeDim: groups * codeDim,
    gradient,
    temperature,
    codebook: sharedCodebook(quantizer, groups, where),
    noiseShape: quantizer.noiseShape && ((batch, tokens) => quantizer.noiseShape!(batch, tokens * groups)),
    quantize: (z, { mask, ...context }) => {
      const [batch, tokens] = z.shape;
      const real =
        mask && tf.reshape<tf.Rank.R2>(tf.tile(tf.expandDims(mask, 2), [1, 1, groups]), [batch, tokens * groups]);
      const { quantized, indices, loss } = quantizer.quantize(tf.reshape(z, split(z)), { ...context, mask: real });
      return {
        quantized: tf.reshape(quantized, z.shape),
        indices: tf.reshape<tf.Rank.R3>(indices, [batch, tokens, groups]),
        loss,
      };
    },
    decode: (indices) => {
      const [batch, tokens] = indices.shape;
      const codes = quantizer.decode(tf.reshape<tf.Rank.R2>(indices, [batch, tokens * groups]));
      return tf.reshape(codes, [batch, tokens, groups * codeDim]);
    },
    bound: (z) => tf.tidy(() => tf.reshape(likeCodes(quantizer, tf.reshape(z, split(z))), z.shape)),
  };
}

const schema = z.strictObject({
  /** Number of groups, L, from 2 to 256. */
  groups: integer(2, 256),
  /** Quantizer of each group; its `codeDim` is the width of one group. */
  quantizer: quantizerSchema(singleCodeKinds),
  /**
   * Whether each group has a codebook of its own or all share one; the same where codes are fixed.
   * @default 'separate'
   */
  codebooks: z.enum(['shared', 'separate']).optional(),
});

/** Kind `grouped`: L codes a token, each of its own channels. */
export const groupedKind = {
  schema,
  create: ({ groups, quantizer, codebooks = 'separate' }, key) => {
    if (codebooks === 'shared') {
      return new GroupedQuantizer({ quantizer: buildQuantizer(quantizer, key, singleCodeKinds), groups });
    }
    const keys = split(key, groups);
    return new GroupedQuantizer({ quantizers: keys.map((own) => buildQuantizer(quantizer, own, singleCodeKinds)) });
  },
} satisfies QuantizerKind<typeof schema>;
