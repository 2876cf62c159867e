import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import {
  Module,
  assertInRange,
  assertOneOf,
  assertShape,
  checkOptions,
  ConfigError,
  normalInitializer,
  sameWeight,
  type OptionTable,
} from '@vitvq/core';
import type { QuantizeContext, QuantizeResult, Quantizer, ReferenceWeight } from '@vitvq/core';
import { z } from 'zod';
import { CodeTable } from './code-table.js';
import { type CodeGradient } from './internal/code-gradient.js';
import { diversityTerms, orthogonalityTerm, type DiversityOptions } from './internal/code-regularizers.js';
import { nearestCodeFields, nonNegative } from './internal/config-schemas.js';
import { drawOf } from './internal/draw-of.js';
import {
  nearestCodeOptionNames,
  resolveNearestCodeOptions,
  type NearestCodeOptions,
} from './internal/nearest-code-options.js';
import { quantizationLoss } from './internal/quantization-loss.js';
import { quantizeReal } from './internal/token-mask.js';
import type { QuantizerKind } from './quantizer-kind.js';

/** Options of a {@link VectorQuantizer}. */
export interface VectorQuantizerOptions extends NearestCodeOptions {
  /**
   * Weight of the orthogonality term, the mean squared cosine of pairs of codes
   * (arXiv:2112.00384, equation 2): it draws codes apart.
   * @default 0
   */
  readonly orthogonalWeight?: number;
  /**
   * Codes in the orthogonality term: `all`, or those that the batch has `chosen`.
   * @default 'all'
   */
  readonly orthogonalCodes?: 'all' | 'chosen';
}

const vectorQuantizerOptionNames: OptionTable<VectorQuantizerOptions> = {
  ...nearestCodeOptionNames,
  orthogonalWeight: 'optional',
  orthogonalCodes: 'optional',
};

/**
 * Nearest-neighbour quantizer with factorized, l2-normalised codes (ViT-VQGAN, arXiv:2110.04627,
 * section 3.2; symbol e). {@link CodeTable} says how codes are compared.
 *
 * Variables: `codebook` `[K, E]`, as it is learned (not normalised); with `trackUsage` also `usage`
 * `[K]`, not trainable.
 *
 * The loss is the paper's equation 1 with means over B·N·E instead of squared lengths, as in the
 * reference. `beta` weighs the commitment term, which moves the encoder, and the codebook term has
 * weight 1; some public implementations, older versions of the reference among them, weigh the
 * wrong one. `codebook.initialize` and `codebook.reset` work against a codebook that collapses
 * (Table 4); paper and reference do without them, as without drawn codes and the terms for diverse
 * and orthogonal codes. These are options of vector-quantize-pytorch; deviations: distances are
 * squared, as the paper that draws codes has them, a constant keeps the diversity term at least 0,
 * its mean is over all tokens (there over the batch, for each position), and the orthogonality term
 * needs no limit on the number of codes.
 *
 * The tensor code has fixed shapes and can be compiled. Gradients are of first order only.
 */
export class VectorQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly codeDepth = 1;
  readonly beta: number;
  readonly gradient: CodeGradient;
  /** Temperature at which codes are drawn. Undefined where the nearest one is chosen. */
  readonly temperature?: number;
  readonly codebook: CodeTable;
  /**
   * Returns `[B, N, K]`: one number a token and code. Undefined where the nearest code is chosen.
   */
  readonly noiseShape?: (batch: number, tokens: number) => readonly [number, number, number];
  readonly #diversity: DiversityOptions;
  readonly #orthogonality: Pick<Required<VectorQuantizerOptions>, 'orthogonalWeight' | 'orthogonalCodes'>;

  /** @throws {ConfigError} */
  constructor(options: VectorQuantizerOptions) {
    super();
    const name = 'VectorQuantizer';
    const checked = checkOptions(options, vectorQuantizerOptionNames, name, { allowOthers: true });
    const { codebookSize, codeDim, ...resolved } = resolveNearestCodeOptions(checked, name);
    const { orthogonalWeight = 0, orthogonalCodes = 'all' } = checked;
    assertInRange(orthogonalWeight, 'orthogonalWeight', name, 0);
    assertOneOf(orthogonalCodes, ['all', 'chosen'], 'orthogonalCodes', name);
    if (orthogonalWeight === 0 && checked.orthogonalCodes !== undefined) {
      throw new ConfigError({
        where: name,
        expected: 'orthogonalCodes with an orthogonalWeight above 0',
        got: `a weight of ${orthogonalWeight}`,
        fix: 'Set orthogonalWeight, or leave orthogonalCodes out.',
      });
    }
    this.codebookSize = codebookSize;
    this.codeDim = codeDim;
    this.beta = resolved.beta;
    this.gradient = resolved.gradient;
    this.temperature = resolved.sampleTemperature;
    this.#diversity = resolved;
    this.#orthogonality = { orthogonalWeight, orthogonalCodes };
    if (this.temperature !== undefined) this.noiseShape = (batch, tokens) => [batch, tokens, codebookSize];
    const weights = this.variable<tf.Rank.R2>('codebook', normalInitializer()(resolved.key, [codebookSize, codeDim]));
    const noUses = { shape: [codebookSize], data: new Float32Array(codebookSize) };
    const usage = resolved.trackUsage ? this.variable<tf.Rank.R1>('usage', noUses, { trainable: false }) : undefined;
    this.codebook = new CodeTable({ name, weights, normalize: resolved.normalize, usage });
  }

  /**
   * Quantizes each vector to its nearest code, or to one that is drawn; in training the choices are
   * counted.
   * @param z  encoder output, float32 `[B, N, E]`, of any scale
   * @param context  with `sampleTemperature`, training needs noise
   * @returns  `quantized` `[B, N, E]`, its gradient reaching `z` as `gradient` says; `indices`
   *   int32 `[B, N]` in `[0, K)`; `loss`, scalar, a mean over B·N·E of normalised differences and
   *   the terms that have a weight
   * @throws {ShapeError} when the last axis is not `codeDim`
   * @throws {ConfigError} for training without the noise that it needs
   */
  quantize(z: Tensor3D, context: QuantizeContext = {}): QuantizeResult & { indices: Tensor2D } {
    const where = 'VectorQuantizer.quantize';
    assertShape(z, ['B', 'N', this.codeDim], where, 'Project z to codeDim first.');
    const draw = drawOf(this, z, context, where);
    return quantizeReal(z, context.mask, where, (real, weights) => {
      const { gradient } = this;
      const { features, chosen, codes, quantized, indices } = this.codebook.lookUp(real, { gradient, ...draw });
      if (context.training) this.codebook.count(chosen, weights);
      const terms = [
        quantizationLoss(features, codes, this.beta, weights),
        ...diversityTerms(this.codebook, features, this.#diversity, weights),
      ];
      const { orthogonalWeight, orthogonalCodes } = this.#orthogonality;
      if (orthogonalWeight > 0) {
        const counted = orthogonalCodes === 'chosen' ? chosen : undefined;
        terms.push(tf.mul(orthogonalityTerm(this.codebook.weights, counted, weights), orthogonalWeight));
      }
      return { quantized, indices, loss: terms.reduce((sum, term) => tf.add(sum, term)) };
    });
  }

  /** Returns the codes of int32 indices: `[B, N]` to `[B, N, E]`. @throws {ShapeError} */
  decode(indices: Tensor2D): Tensor3D {
    return this.codebook.decode(indices);
  }
}

/** Returns where the reference's `VectorQuantizer` keeps the weights. */
export function vectorQuantizerReferenceWeights(): ReferenceWeight[] {
  return [sameWeight('codebook', 'embedding.weight')];
}

const schema = z.strictObject({
  ...nearestCodeFields,
  /** Weight of the orthogonality term. @default 0 */
  orthogonalWeight: nonNegative.optional(),
  /** Codes in the orthogonality term. @default 'all' */
  orthogonalCodes: z.enum(['all', 'chosen']).optional(),
});

/** Kind `vector`: one code a token, the nearest. */
export const vectorKind = {
  schema,
  create: (config, key) => new VectorQuantizer({ ...config, key }),
  referenceWeights: vectorQuantizerReferenceWeights,
} satisfies QuantizerKind<typeof schema>;
