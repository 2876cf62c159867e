import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertShape,
  ConfigError,
  detach,
  Module,
  type QuantizeResult,
  type Quantizer,
  type ReferenceWeight,
} from '@vitvq/core';
import type { GumbelQuantizeOptions } from './gumbel-quantizer.js';
import { passGradient, type CodeGradient } from './internal/code-gradient.js';

/** A quantizer that can be a level of a `ResidualQuantizer`: every `Quantizer` with one code a token. */
export interface LevelQuantizer extends Quantizer {
  /**
   * How `quantized` passes its gradient to `z`; `own`: it is a differentiable function of `z`.
   * @default 'straight-through'
   */
  readonly gradient?: CodeGradient | 'own';
  quantize(z: Tensor3D, options?: GumbelQuantizeOptions): QuantizeResult;
}

interface ResidualGradientOptions {
  /**
   * The gradients of the reference instead of the intended ones: nothing of the loss reaches `z` (nor of `quantized`, for
   * levels with an own gradient), and later levels move the codes of earlier ones. For comparisons, not for training.
   * @default false
   */
  readonly referenceGradients?: boolean;
}

/** One quantizer, and so one codebook, for all levels. */
export interface SharedResidualQuantizerOptions extends ResidualGradientOptions {
  readonly quantizer: LevelQuantizer & Module;
  /** Number of levels, L; at least 2. */
  readonly levels: number;
}

/** A quantizer of its own for each level, at least 2, of the same `codebookSize` and `codeDim`. */
export interface SeparateResidualQuantizerOptions extends ResidualGradientOptions {
  readonly quantizers: readonly (LevelQuantizer & Module)[];
}

export type ResidualQuantizerOptions = SharedResidualQuantizerOptions | SeparateResidualQuantizerOptions;

export interface ResidualQuantizeOptions extends Omit<GumbelQuantizeOptions, 'noise'> {
  /** `[L, B, N, K]`, for levels that take noise. */
  readonly noise?: Tensor4D;
}

/**
 * Quantizes in L steps: each level quantizes what the levels before left over, and the code vector is the sum (residual
 * quantization; RQ-VAE, arXiv:2203.01941, section 3.1; SoundStream, arXiv:2107.03312).
 *
 * Variables: those of the levels, as `quantizer.*` where they share one, else as `quantizers.0.*`, `quantizers.1.*`, ...
 *
 * The loss is the mean of the levels' losses, as in the reference (RQ-VAE adds them up). Codes are constants in what is left
 * over for the next level, so that the commitment term of every level reaches `z` and moves no codes; `quantized` passes
 * its gradient to `z` as the levels do, by the straight-through estimator or a rotation onto the sum. Levels with a gradient
 * of their own (`GumbelQuantizer`) are differentiated through. Deviation: the reference starts from a copy of `z` without
 * gradient, so that no commitment reaches the encoder; `referenceGradients` brings that back.
 *
 * A quantizer that normalises its codes gives every level a code of length 1, also to a residual that is shorter; levels
 * with `normalize: false` can get ever nearer to `z`.
 */
export class ResidualQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly levels: number;
  readonly gradient: CodeGradient | 'own';
  readonly referenceGradients: boolean;
  /** One for each level; the same one every time where they share it. */
  readonly quantizers: readonly (LevelQuantizer & Module)[];

  /** @throws {ConfigError} for fewer than two levels, and for levels that do not fit together */
  constructor(options: ResidualQuantizerOptions) {
    super();
    const where = 'ResidualQuantizer';
    if ('quantizers' in options) {
      this.quantizers = options.quantizers.map((quantizer, level) => this.child(`quantizers.${level}`, quantizer));
    } else {
      assertInteger(options.levels, 'levels', where, 2);
      const shared = this.child('quantizer', options.quantizer);
      this.quantizers = Array.from({ length: options.levels }, () => shared);
    }
    const [first] = this.quantizers;
    if (!first || this.quantizers.length < 2) {
      throw new ConfigError({
        where,
        expected: 'at least two levels',
        got: String(this.quantizers.length),
        fix: 'Use the quantizer itself for one code a token.',
      });
    }
    if ('quantizers' in options && new Set(this.quantizers).size < this.quantizers.length) {
      throw new ConfigError({
        where,
        expected: 'another quantizer at every level',
        got: 'the same one at several',
        fix: 'Pass { quantizer, levels } for one codebook.',
      });
    }
    const facts = ({ codebookSize, codeDim, gradient = 'straight-through' }: LevelQuantizer, levels: number): string =>
      `codebookSize ${codebookSize}, codeDim ${codeDim}, ${levels} code(s) a token, gradient '${gradient}'`;
    const expected = facts(first, 1);
    this.quantizers.forEach((quantizer, level) => {
      const got = facts(quantizer, quantizer.levels);
      if (got !== expected) {
        throw new ConfigError({ where, expected: `every level to have ${expected}`, got: `${got} at level ${level}` });
      }
    });
    this.codebookSize = first.codebookSize;
    this.codeDim = first.codeDim;
    this.levels = this.quantizers.length;
    this.gradient = first.gradient ?? 'straight-through';
    this.referenceGradients = options.referenceGradients ?? false;
  }

  /**
   * @param z  encoder output, float32 `[B, N, E]`
   * @returns  `quantized` `[B, N, E]`, the sum of the levels' codes; `indices` int32 `[B, N, L]`; `loss`, scalar
   * @throws {ShapeError}
   */
  quantize(z: Tensor3D, { noise, ...options }: ResidualQuantizeOptions = {}): QuantizeResult & { indices: Tensor3D } {
    const where = 'ResidualQuantizer.quantize';
    assertShape(z, ['B', 'N', this.codeDim], where, 'Project z to codeDim first.');
    if (noise) assertShape(noise, [this.levels, z.shape[0], z.shape[1], this.codebookSize], `${where}, noise`);
    return tf.tidy(() => {
      const noises = noise ? (tf.unstack(noise) as Tensor3D[]) : [];
      let residual = this.referenceGradients ? detach(z) : z;
      const levels = this.quantizers.map((quantizer, level) => {
        const result = quantizer.quantize(residual, { ...options, noise: noises[level] });
        const codes = this.#codes(quantizer, result);
        residual = tf.sub(residual, codes);
        return { codes, indices: result.indices as Tensor2D, loss: result.loss };
      });
      const sum = tf.addN(levels.map(({ codes }) => codes));
      return {
        quantized: this.gradient === 'own' ? sum : this.#passGradient(z, detach(sum), this.gradient),
        indices: tf.stack<Tensor2D>(
          levels.map(({ indices }) => indices),
          2,
        ) as Tensor3D,
        loss: tf.div<Scalar>(tf.addN(levels.map(({ loss }) => loss)), this.levels),
      };
    });
  }

  /** Sums of the codes of int32 indices: `[B, N, L]` to `[B, N, E]`. @throws {ShapeError} */
  decode(indices: Tensor3D): Tensor3D {
    assertShape(indices, ['B', 'N', this.levels], 'ResidualQuantizer.decode');
    return tf.tidy(() =>
      tf.addN(tf.unstack(indices, 2).map((chosen, level) => this.quantizers[level]!.decode(chosen as Tensor2D))),
    );
  }

  /** What a level takes away from the residual. */
  #codes(quantizer: LevelQuantizer, { quantized, indices }: QuantizeResult): Tensor3D {
    if (this.gradient === 'own') return quantized;
    // The reference lets the gradient of later levels into these codes; `quantized` has none towards them.
    return this.referenceGradients ? quantizer.decode(indices) : detach(quantized);
  }

  #passGradient(z: Tensor3D, codes: Tensor3D, gradient: CodeGradient): Tensor3D {
    const rows = (x: Tensor3D): Tensor2D => tf.reshape<tf.Rank.R2>(x, [-1, this.codeDim]);
    return tf.reshape<tf.Rank.R3>(passGradient(rows(z), rows(codes), gradient), z.shape);
  }
}

/** Weights of a residual quantizer of the reference, whose levels share one quantizer with the weights `shared`. */
export function residualQuantizerReferenceWeights(shared: readonly ReferenceWeight[]): ReferenceWeight[] {
  return shared.map((weight) => ({ ...weight, name: `quantizer.${weight.name}` }));
}
