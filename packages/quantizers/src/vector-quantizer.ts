import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import {
  Module,
  assertInRange,
  assertInteger,
  assertShape,
  checkOptions,
  normalInitializer,
  sameWeight,
  type OptionTable,
} from '@vitvq/core';
import type { QuantizeContext, QuantizeResult, Quantizer, RandomKey, ReferenceWeight } from '@vitvq/core';
import { z } from 'zod';
import { CodeTable } from './code-table.js';
import { type CodeGradient } from './internal/code-gradient.js';
import { codeGradient, nonNegative, tableSize } from './internal/config-schemas.js';
import { quantizationLoss } from './internal/quantization-loss.js';
import type { QuantizerKind } from './quantizer-kind.js';

/** Options of a {@link VectorQuantizer}. */
export interface VectorQuantizerOptions {
  /** Number of codes, K. */
  readonly codebookSize: number;
  /** Width of a code, E; the paper uses 32, and 8 to 32 serve as well (Table 4). */
  readonly codeDim: number;
  /** Weight of the commitment term. @default 0.25 */
  readonly beta?: number;
  /**
   * Whether features and codes are l2-normalised before they are compared and returned.
   * @default true
   */
  readonly normalize?: boolean;
  /** Draws the first codebook, N(0, 1). */
  readonly key: RandomKey;
  /**
   * Whether training counts how often each code is chosen, which `codebook.reset` needs.
   * @default false
   */
  readonly trackUsage?: boolean;
  /**
   * How `quantized` passes its gradient to `z`: `straight-through`, unchanged; `rotation`, turned
   * and scaled as the vector itself was when it became its code (rotation trick, arXiv:2410.06424),
   * which keeps the angle between gradient and code.
   * @default 'straight-through'
   */
  readonly gradient?: CodeGradient;
}

/** Names of the options {@link VectorQuantizerOptions}. */
export const vectorQuantizerOptionNames: OptionTable<VectorQuantizerOptions> = {
  codebookSize: 'required',
  codeDim: 'required',
  beta: 'optional',
  normalize: 'optional',
  key: 'required',
  trackUsage: 'optional',
  gradient: 'optional',
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
 * (Table 4); paper and reference do without them.
 *
 * The tensor code has fixed shapes and can be compiled. Gradients are of first order only.
 */
export class VectorQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly codeDepth = 1;
  readonly beta: number;
  readonly gradient: CodeGradient;
  readonly codebook: CodeTable;

  /** @throws {ConfigError} */
  constructor(options: VectorQuantizerOptions) {
    super();
    const {
      codebookSize,
      codeDim,
      beta = 0.25,
      normalize = true,
      key,
      trackUsage = false,
      gradient = 'straight-through',
    } = checkOptions(options, vectorQuantizerOptionNames, 'VectorQuantizer', { allowOthers: true });
    const name = 'VectorQuantizer';
    assertInteger(codebookSize, 'codebookSize', name);
    assertInteger(codeDim, 'codeDim', name);
    assertInRange(beta, 'beta', name, 0);
    this.codebookSize = codebookSize;
    this.codeDim = codeDim;
    this.beta = beta;
    this.gradient = gradient;
    const weights = this.variable<tf.Rank.R2>('codebook', normalInitializer()(key, [codebookSize, codeDim]));
    const noUses = { shape: [codebookSize], data: new Float32Array(codebookSize) };
    const usage = trackUsage ? this.variable<tf.Rank.R1>('usage', noUses, { trainable: false }) : undefined;
    this.codebook = new CodeTable({ name, weights, normalize, usage });
  }

  /**
   * Quantizes each vector to its nearest code; in training the choices are counted.
   * @param z  encoder output, float32 `[B, N, E]`, of any scale
   * @returns  `quantized` `[B, N, E]`, its gradient reaching `z` as `gradient` says; `indices`
   *   int32 `[B, N]` in `[0, K)`; `loss`, scalar, a mean over B·N·E of normalised differences
   * @throws {ShapeError} when the last axis is not `codeDim`
   */
  quantize(z: Tensor3D, { training = false }: QuantizeContext = {}): QuantizeResult & { indices: Tensor2D } {
    assertShape(z, ['B', 'N', this.codeDim], 'VectorQuantizer.quantize', 'Project z to codeDim first.');
    return tf.tidy(() => {
      const { features, chosen, codes, quantized, indices } = this.codebook.lookUp(z, this.gradient);
      if (training) this.codebook.count(chosen);
      return { quantized, indices, loss: quantizationLoss(features, codes, this.beta) };
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
  ...tableSize,
  /** Weight of the commitment term. @default 0.25 */
  beta: nonNegative.optional(),
  /** Whether features and codes are l2-normalised. @default true */
  normalize: z.boolean().optional(),
  /** Whether training counts the use of codes, which `codebook.reset` needs. @default false */
  trackUsage: z.boolean().optional(),
  /** How `quantized` passes its gradient to `z`. @default 'straight-through' */
  gradient: codeGradient.optional(),
});

/** Kind `vector`: one code a token, the nearest. */
export const vectorKind = {
  schema,
  create: (config, key) => new VectorQuantizer({ ...config, key }),
  referenceWeights: vectorQuantizerReferenceWeights,
} satisfies QuantizerKind<typeof schema>;
