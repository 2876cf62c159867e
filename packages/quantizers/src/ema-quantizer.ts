import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D, Variable } from '@tensorflow/tfjs-core';
import {
  Module,
  assertInRange,
  assertShape,
  checkOptions,
  detach,
  normalInitializer,
  type OptionTable,
} from '@vitvq/core';
import type { QuantizeContext, QuantizeResult, Quantizer } from '@vitvq/core';
import { z } from 'zod';
import { CodeTable } from './code-table.js';
import { type CodeGradient } from './internal/code-gradient.js';
import { diversityTerms, type DiversityOptions } from './internal/code-regularizers.js';
import { countCodes } from './internal/code-rows.js';
import { nearestCodeFields } from './internal/config-schemas.js';
import { drawOf } from './internal/draw-of.js';
import {
  nearestCodeOptionNames,
  resolveNearestCodeOptions,
  type NearestCodeOptions,
} from './internal/nearest-code-options.js';
import { meanOf } from './internal/row-means.js';
import { quantizeReal } from './internal/token-mask.js';
import { unitRows } from './internal/unit-rows.js';
import type { QuantizerKind } from './quantizer-kind.js';

/** Options of an {@link EMAQuantizer}. */
export interface EMAQuantizerOptions extends NearestCodeOptions {
  /** Factor of the old averages at each update, in [0, 1). @default 0.99 */
  readonly decay?: number;
}

const emaQuantizerOptionNames: OptionTable<EMAQuantizerOptions> = {
  ...nearestCodeOptionNames,
  decay: 'optional',
};

/**
 * Nearest-neighbour quantizer whose codes are exponential moving averages of the features that
 * chose them, instead of being moved by an optimizer (VQ-VAE, arXiv:1711.00937, appendix A.1).
 * `quantize(z, { training: true })` updates them, after it has chosen, so that `quantized` holds
 * the codes from before.
 *
 * Variables, none of them trainable: `codebook` `[K, E]`, `clusterSize` `[K]` and `codeSums` `[K,
 * E]`, the averages of how many features chose a code and of their sum; with `trackUsage` also
 * `usage` `[K]`. With `normalize` features count with length 1, and so do the codes that the
 * averages start from: a longer one would outweigh the features for as many steps.
 *
 * The loss is the commitment term, `beta` mean((z - sg[codes])²), and the diversity term where it
 * has a weight. Deviation: a code moves
 * only in a step in which it is chosen, when its average count cannot be 0; so the Laplace
 * smoothing of the counts, which other implementations need and which draws rare codes towards 0,
 * is left out.
 */
export class EMAQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly codeDepth = 1;
  readonly beta: number;
  readonly gradient: CodeGradient;
  /** Temperature at which codes are drawn. Undefined where the nearest one is chosen. */
  readonly temperature?: number;
  readonly decay: number;
  readonly codebook: CodeTable;
  readonly clusterSize: Variable<tf.Rank.R1>;
  readonly codeSums: Variable<tf.Rank.R2>;
  /**
   * Returns `[B, N, K]`: one number a token and code. Undefined where the nearest code is chosen.
   */
  readonly noiseShape?: (batch: number, tokens: number) => readonly [number, number, number];
  readonly #diversity: DiversityOptions;

  /** @throws {ConfigError} */
  constructor(options: EMAQuantizerOptions) {
    super();
    const name = 'EMAQuantizer';
    const checked = checkOptions(options, emaQuantizerOptionNames, name, { allowOthers: true });
    const { codebookSize, codeDim, normalize, key, trackUsage, ...resolved } = resolveNearestCodeOptions(checked, name);
    const { decay = 0.99 } = checked;
    assertInRange(decay, 'decay', name, 0, 1 - 2 ** -20);
    this.codebookSize = codebookSize;
    this.codeDim = codeDim;
    this.beta = resolved.beta;
    this.gradient = resolved.gradient;
    this.temperature = resolved.sampleTemperature;
    this.#diversity = resolved;
    if (this.temperature !== undefined) this.noiseShape = (batch, tokens) => [batch, tokens, codebookSize];
    this.decay = decay;
    const drawn = normalInitializer()(key, [codebookSize, codeDim]);
    const codes = normalize ? { ...drawn, data: Float32Array.from(unitRows(drawn.data, codeDim)) } : drawn;
    const state = { trainable: false };
    const perCode = (value: number) => ({ shape: [codebookSize], data: new Float32Array(codebookSize).fill(value) });
    const weights = this.variable<tf.Rank.R2>('codebook', codes, state);
    this.clusterSize = this.variable('clusterSize', perCode(1), state);
    this.codeSums = this.variable('codeSums', codes, state);
    const usage = trackUsage ? this.variable<tf.Rank.R1>('usage', perCode(0), state) : undefined;
    const onSet = this.#restartAverages.bind(this);
    this.codebook = new CodeTable({ name, weights, normalize, usage, onSet });
  }

  /**
   * Quantizes each vector to its nearest code; in training the averages move afterwards.
   * @param z  encoder output, float32 `[B, N, E]`, of any scale
   * @returns  `quantized` `[B, N, E]`, its gradient reaching `z` as `gradient` says; `indices`
   *   int32 `[B, N]` in `[0, K)`; `loss`, scalar
   * @throws {ShapeError}
   */
  quantize(z: Tensor3D, context: QuantizeContext = {}): QuantizeResult & { indices: Tensor2D } {
    const where = 'EMAQuantizer.quantize';
    assertShape(z, ['B', 'N', this.codeDim], where, 'Project z to codeDim first.');
    const draw = drawOf(this, z, context, where);
    return quantizeReal(z, context.mask, where, (real, weights) => {
      const { gradient } = this;
      const { features, chosen, codes, quantized, indices } = this.codebook.lookUp(real, { gradient, ...draw });
      const terms = [
        tf.mul<Scalar>(meanOf(tf.squaredDifference(features, codes), weights), this.beta),
        ...diversityTerms(this.codebook, features, this.#diversity, weights),
      ];
      if (context.training) {
        this.codebook.count(chosen, weights);
        this.#update(detach(features), chosen, weights);
      }
      return { quantized, indices, loss: terms.reduce((sum, term) => tf.add(sum, term)) };
    });
  }

  /** Returns the codes of int32 indices: `[B, N]` to `[B, N, E]`. @throws {ShapeError} */
  decode(indices: Tensor2D): Tensor3D {
    return this.codebook.decode(indices);
  }

  #update(features: Tensor2D, chosen: Tensor1D, weights?: Tensor1D): void {
    const average = <T extends Tensor>(previous: Tensor, value: Tensor): T =>
      tf.add<T>(tf.mul(previous, this.decay), tf.mul(value, 1 - this.decay));
    const counts = countCodes(chosen, this.codebookSize, weights); // [K]
    // Padding holds zeros and adds nothing.
    const sums = tf.unsortedSegmentSum(features, chosen, this.codebookSize); // [K, E]
    const clusterSize = average<Tensor1D>(detach(this.clusterSize), counts);
    const codeSums = average<Tensor2D>(detach(this.codeSums), sums);
    const isChosen = tf.tile(tf.expandDims(tf.greater(counts, 0), 1), [1, this.codeDim]);
    // Where a code is not chosen the quotient would stay the same, until both underflow.
    const means = tf.div<Tensor2D>(codeSums, tf.maximum(tf.expandDims(clusterSize, 1), 1e-30));
    const stored = this.codebook.weights;
    stored.assign(tf.where(isChosen, means, detach(stored)));
    this.clusterSize.assign(clusterSize);
    this.codeSums.assign(codeSums);
  }

  /** Makes each new code the average over one feature. */
  #restartAverages(codes: Tensor2D, replaced?: Tensor2D): void {
    const ones = tf.onesLike(this.clusterSize);
    if (!replaced) {
      this.codeSums.assign(codes);
      this.clusterSize.assign(ones);
      return;
    }
    this.codeSums.assign(tf.where(tf.tile(replaced, [1, this.codeDim]), codes, this.codeSums));
    this.clusterSize.assign(tf.where(tf.reshape(replaced, [this.codebookSize]), ones, this.clusterSize));
  }
}

const schema = z.strictObject({
  ...nearestCodeFields,
  /** Factor of the old averages at each update, in [0, 1). @default 0.99 */
  decay: z
    .number()
    .min(0)
    .max(1 - 2 ** -20)
    .optional(),
});

/** Kind `ema`: one code a token, the nearest; codes are moving averages of what chose them. */
export const emaKind = {
  schema,
  create: (config, key) => new EMAQuantizer({ ...config, key }),
} satisfies QuantizerKind<typeof schema>;
