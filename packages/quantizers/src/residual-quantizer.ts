import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertShape,
  ConfigError,
  detach,
  Module,
  split,
  checkOptions,
  type OptionTable,
} from '@vitvq/core';
import type { Codebook, QuantizeContext, QuantizeResult, Quantizer, ReferenceWeight } from '@vitvq/core';
import { z } from 'zod';
import { passGradient, type CodeGradient } from './internal/code-gradient.js';
import { integer } from './internal/config-schemas.js';
import { residualCodebook } from './internal/residual-codebook.js';
import { singleCodeKinds } from './internal/single-code-kinds.js';
import { quantizeReal } from './internal/token-mask.js';
import { buildQuantizer, quantizerSchema, type QuantizerKind } from './quantizer-kind.js';

interface ResidualGradientOptions {
  /**
   * Whether gradients are those of the reference instead of the intended ones: nothing of the loss
   * reaches `z` (nor of `quantized`, for quantizers with an own gradient), and later quantizers
   * move the codes of earlier ones. For comparisons, not for training.
   * @default false
   */
  readonly referenceGradients?: boolean;
}

/**
 * Options of a {@link ResidualQuantizer} with one quantizer, and so one codebook, for all steps.
 */
export interface SharedResidualQuantizerOptions extends ResidualGradientOptions {
  /** Quantizer with one code a token. */
  readonly quantizer: Quantizer;
  /** Number of codes a token, L; at least 2. */
  readonly codeDepth: number;
}

/** Options of a {@link ResidualQuantizer} with a quantizer of its own for each step. */
export interface SeparateResidualQuantizerOptions extends ResidualGradientOptions {
  /** At least two quantizers with one code a token, of the same `codebookSize` and `codeDim`. */
  readonly quantizers: readonly Quantizer[];
}

/** Options of a {@link ResidualQuantizer}. */
export type ResidualQuantizerOptions = SharedResidualQuantizerOptions | SeparateResidualQuantizerOptions;

const sharedOptionNames: OptionTable<SharedResidualQuantizerOptions> = {
  quantizer: 'required',
  codeDepth: 'required',
  referenceGradients: 'optional',
};

const separateOptionNames: OptionTable<SeparateResidualQuantizerOptions> = {
  quantizers: 'required',
  referenceGradients: 'optional',
};

/**
 * Quantizes in L steps: each step quantizes what the steps before left over, and the code vector is
 * the sum (residual quantization; RQ-VAE, arXiv:2203.01941, section 3.1; SoundStream,
 * arXiv:2107.03312).
 *
 * Variables: those of the quantizers, as `quantizer.*` where the steps share one, else as
 * `quantizers.0.*`, `quantizers.1.*`, ...
 *
 * The loss is the mean of the steps' losses, as in the reference (RQ-VAE adds them up). Codes are
 * constants in what is left over for the next step, so that the commitment term of every step
 * reaches `z` and moves no codes; `quantized` passes its gradient to `z` as the quantizers do, by
 * the straight-through estimator or a rotation onto the sum. Quantizers with a gradient of their
 * own (`GumbelQuantizer`, `IndexBackpropagationQuantizer`) are differentiated through. Deviation:
 * the reference starts from a copy of `z` without gradient, so that no commitment reaches the
 * encoder; `referenceGradients` brings that back.
 *
 * A quantizer that normalises its codes gives every step a code of length 1, also for a residual
 * that is shorter; quantizers with `normalize: false` can get ever nearer to `z`.
 *
 * Codes that are fixed (`FiniteScalarQuantizer`, `LookupFreeQuantizer`, `BinarySphericalQuantizer`)
 * get smaller from step to step, as their `refinement` says: a step quantizes the residual divided
 * by its scale, and its loss counts by the square of the scale, as squared distances do. What is
 * quantized is `z` as `refinement.bound` maps it. Deviation: ResidualFSQ of vector-quantize-pytorch
 * bounds the residual of every step by a tanh again, so that its error stops getting smaller after
 * two steps.
 */
export class ResidualQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly codeDepth: number;
  readonly gradient: CodeGradient | 'own';
  readonly temperature?: number;
  readonly referenceGradients: boolean;
  /** Present where the quantizers have one. */
  readonly codebook?: Codebook;
  /** One for each step; the same one every time where the steps share it. */
  readonly quantizers: readonly Quantizer[];
  /**
   * Returns `[L, ...]` with the shape of each step's noise. Undefined where the steps draw nothing.
   */
  readonly noiseShape?: (batch: number, tokens: number) => readonly number[];
  /** Present where codes are fixed. */
  readonly bound?: (z: Tensor3D) => Tensor3D;

  /** @throws {ConfigError} for fewer than two steps, and for quantizers that do not fit together */
  constructor(options: ResidualQuantizerOptions) {
    super();
    const where = 'ResidualQuantizer';
    if (typeof options === 'object' && options !== null && 'quantizers' in options) {
      checkOptions(options, separateOptionNames, where);
      this.quantizers = options.quantizers.map((quantizer, step) => this.child(`quantizers.${step}`, quantizer));
      if (new Set(this.quantizers).size < this.quantizers.length) {
        throw new ConfigError({
          where: 'ResidualQuantizer',
          expected: 'another quantizer for every step',
          got: 'the same one for several',
          fix: 'Pass { quantizer, codeDepth } for one codebook.',
        });
      }
    } else {
      checkOptions(options, sharedOptionNames, where);
      assertInteger(options.codeDepth, 'codeDepth', 'ResidualQuantizer', 2);
      const shared = this.child('quantizer', options.quantizer);
      this.quantizers = Array.from({ length: options.codeDepth }, () => shared);
    }
    const first = assertSteps(this.quantizers);
    this.codebookSize = first.codebookSize;
    this.codeDim = first.codeDim;
    this.codeDepth = this.quantizers.length;
    this.gradient = first.gradient ?? 'straight-through';
    this.temperature = first.temperature;
    this.codebook = residualCodebook(this.quantizers);
    if (first.refinement) this.bound = (z) => first.refinement!.bound(z);
    this.referenceGradients = options.referenceGradients ?? false;
    if (first.noiseShape) {
      this.noiseShape = (batch, tokens) => [this.codeDepth, ...first.noiseShape!(batch, tokens)];
    }
  }

  /**
   * Quantizes `z`, then what is left over, L times.
   * @param z  encoder output, float32 `[B, N, E]`
   * @returns  `quantized` `[B, N, E]`, the sum of the steps' codes; `indices` int32 `[B, N, L]`;
   *   `loss`, scalar
   * @throws {ShapeError}
   */
  quantize(z: Tensor3D, { noise, ...context }: QuantizeContext = {}): QuantizeResult & { indices: Tensor3D } {
    const where = 'ResidualQuantizer.quantize';
    assertShape(z, ['B', 'N', this.codeDim], where, 'Project z to codeDim first.');
    const noiseShape = this.noiseShape?.(z.shape[0], z.shape[1]);
    if (noise && noiseShape) assertShape(noise, noiseShape, `${where}, noise`);
    return quantizeReal(z, context.mask, where, (real) => {
      const noises: readonly Tensor[] = noise && noiseShape ? tf.unstack(noise) : [];
      const bounded = this.quantizers[0]!.refinement?.bound(real) ?? real;
      let residual = this.referenceGradients ? detach(bounded) : bounded;
      const steps = this.quantizers.map((_, step) => {
        const result = this.#quantizeStep(step, residual, { ...context, noise: noises[step] });
        const codes = this.#codes(step, result);
        residual = tf.sub(residual, codes);
        return { codes, indices: result.indices as Tensor2D, loss: result.loss };
      });
      const sum = tf.addN(steps.map(({ codes }) => codes));
      return {
        quantized: this.gradient === 'own' ? sum : this.#passGradient(real, detach(sum), this.gradient),
        indices: tf.stack<Tensor2D>(
          steps.map(({ indices }) => indices),
          2,
        ) as Tensor3D,
        loss: tf.div<Scalar>(tf.addN(steps.map(({ loss }) => loss)), this.codeDepth),
      };
    });
  }

  /**
   * Returns the sums of the codes of int32 indices: `[B, N, L]` to `[B, N, E]`.
   * @throws {ShapeError}
   */
  decode(indices: Tensor3D): Tensor3D {
    assertShape(indices, ['B', 'N', this.codeDepth], 'ResidualQuantizer.decode');
    return tf.tidy(() =>
      tf.addN(tf.unstack(indices, 2).map((chosen, step) => this.#decodeStep(step, chosen as Tensor2D))),
    );
  }

  #quantizeStep(step: number, residual: Tensor3D, context: QuantizeContext): QuantizeResult {
    const quantizer = this.quantizers[step]!;
    const { refinement } = quantizer;
    if (!refinement) return quantizer.quantize(residual, context);
    const scale = this.#scale(step);
    const { quantized, indices, loss } = refinement.quantize(tf.div(residual, scale), context);
    return { quantized: tf.mul(quantized, scale), indices, loss: tf.mul(loss, tf.mean<Scalar>(tf.square(scale))) };
  }

  #decodeStep(step: number, indices: Tensor2D): Tensor3D {
    const quantizer = this.quantizers[step]!;
    const codes = quantizer.decode(indices);
    return quantizer.refinement ? tf.mul(codes, this.#scale(step)) : codes;
  }

  /** Returns the scale of a step's codes, `[E]`. */
  #scale(step: number): Tensor1D {
    return tf.tensor1d(this.quantizers[step]!.refinement!.scale.map((factor) => factor ** step));
  }

  /** Returns what a step takes away from the residual. */
  #codes(step: number, { quantized, indices }: QuantizeResult): Tensor3D {
    if (this.gradient === 'own') return quantized;
    // The reference lets gradients of later steps into these codes; `quantized` has none.
    return this.referenceGradients ? this.#decodeStep(step, indices as Tensor2D) : detach(quantized);
  }

  #passGradient(z: Tensor3D, codes: Tensor3D, gradient: CodeGradient): Tensor3D {
    const rows = (x: Tensor3D): Tensor2D => tf.reshape<tf.Rank.R2>(x, [-1, this.codeDim]);
    return tf.reshape<tf.Rank.R3>(passGradient(rows(z), rows(codes), gradient), z.shape);
  }
}

/** Returns the first of quantizers that fit together. @throws {ConfigError} */
function assertSteps(quantizers: readonly Quantizer[]): Quantizer {
  const where = 'ResidualQuantizer';
  const [first] = quantizers;
  if (!first || quantizers.length < 2) {
    throw new ConfigError({
      where,
      expected: 'at least two quantizers',
      got: String(quantizers.length),
      fix: 'Use the quantizer itself for one code a token.',
    });
  }
  const facts = (
    { codebookSize, codeDim, gradient = 'straight-through', refinement }: Quantizer,
    codeDepth: number,
  ): string =>
    `codebookSize ${codebookSize}, codeDim ${codeDim}, codeDepth ${codeDepth}, gradient '${gradient}'` +
    (refinement ? `, scale [${refinement.scale.join(', ')}]` : '');
  const expected = facts(first, 1);
  quantizers.forEach((quantizer, step) => {
    const got = facts(quantizer, quantizer.codeDepth);
    if (got !== expected) {
      throw new ConfigError({ where, expected: `every step to have ${expected}`, got: `${got} at step ${step}` });
    }
  });
  return first;
}

/**
 * Returns where a residual quantizer of the reference, whose steps share one quantizer with the
 * weights `shared`, keeps the weights.
 */
export function residualQuantizerReferenceWeights(shared: readonly ReferenceWeight[]): ReferenceWeight[] {
  return shared.map((weight) => ({ ...weight, name: `quantizer.${weight.name}` }));
}

const schema = z.strictObject({
  /**
   * Number of codes a token, L, from 2 to 256. The bound is far beyond any use: steps that share a
   * codebook take no weights, so that no file bounds their number.
   */
  codeDepth: integer(2, 256),
  /** Quantizer of each step. */
  quantizer: quantizerSchema(singleCodeKinds),
  /**
   * Whether the steps share one codebook, as in the reference, or have their own; the same where
   * codes are fixed.
   * @default 'shared'
   */
  codebooks: z.enum(['shared', 'separate']).optional(),
});

/** Kind `residual`: L codes a token, each the nearest to what the ones before left over. */
export const residualKind = {
  schema,
  create: ({ codeDepth, quantizer, codebooks = 'shared' }, key) => {
    if (codebooks === 'shared') {
      return new ResidualQuantizer({ quantizer: buildQuantizer(quantizer, key, singleCodeKinds), codeDepth });
    }
    const keys = split(key, codeDepth);
    return new ResidualQuantizer({ quantizers: keys.map((own) => buildQuantizer(quantizer, own, singleCodeKinds)) });
  },
  referenceWeights: ({ quantizer, codebooks = 'shared' }) => {
    const kind: QuantizerKind = singleCodeKinds[quantizer.kind];
    const shared = kind.referenceWeights?.(quantizer);
    return codebooks === 'shared' && shared ? residualQuantizerReferenceWeights(shared) : undefined;
  },
} satisfies QuantizerKind<typeof schema>;
