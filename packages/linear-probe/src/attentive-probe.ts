import { ShapeError } from '@vitvq/core';
import type { FeatureMatrix } from './feature-set.js';
import type { Standardization } from './softmax-probe.js';

/**
 * A trained softmax layer on tokens that are pooled by attention, in host memory: the weights of an
 * image's N tokens are `softmax(x̂ₙ · q / √D)` with one learned query q and standardised tokens x̂.
 * A query of 0 pools by the average. It computes in float64 without an engine.
 */
export class AttentiveProbe {
  /** Number of classes, K. */
  readonly classes: number;
  /** Number of tokens of a sample, N. */
  readonly tokens: number;
  /** Width of a token, D. */
  readonly tokenDim: number;
  readonly standardization: Standardization;
  /** `[D]`. */
  readonly query: Float32Array;
  /** `[D, K]` row-major. */
  readonly weights: Float32Array;
  /** `[K]`. */
  readonly bias: Float32Array;

  /** Takes ownership of the arrays. */
  constructor(
    tokens: number,
    standardization: Standardization,
    { query, weights, bias }: Pick<AttentiveProbe, 'query' | 'weights' | 'bias'>,
  ) {
    this.classes = bias.length;
    this.tokens = tokens;
    this.tokenDim = query.length;
    this.standardization = standardization;
    this.query = query;
    this.weights = weights;
    this.bias = bias;
  }

  /**
   * Maps tokens `[count, N · D]` to logits `[count, K]`, row-major.
   * @throws {ShapeError} for other numbers or widths of tokens
   */
  logits({ dim, data }: FeatureMatrix): Float64Array {
    const { tokens, tokenDim, classes } = this;
    const count = data.length / dim;
    if (dim !== tokens * tokenDim || !Number.isInteger(count)) {
      throw new ShapeError({
        where: 'AttentiveProbe.logits',
        expected: `tokens [count, ${tokens} · ${tokenDim}]`,
        got: `${data.length} values in rows of ${dim}`,
      });
    }
    const logits = new Float64Array(count * classes);
    for (let sample = 0; sample < count; sample++) {
      const pooled = this.#pooled(data.subarray(sample * dim, (sample + 1) * dim));
      const out = logits.subarray(sample * classes, (sample + 1) * classes);
      out.set(this.bias);
      for (let i = 0; i < tokenDim; i++) {
        for (let k = 0; k < classes; k++) out[k]! += pooled[i]! * this.weights[i * classes + k]!;
      }
    }
    return logits;
  }

  /** Returns the weighted mean of the tokens of one sample. */
  #pooled(data: Float32Array): Float64Array {
    const { tokens, tokenDim, query } = this;
    const { mean, deviation } = this.standardization;
    const standardized = Float64Array.from(
      data,
      (value, at) => (value - mean[at % tokenDim]!) / deviation[at % tokenDim]!,
    );
    const scores = Float64Array.from({ length: tokens }, (_, token) => {
      let score = 0;
      for (let i = 0; i < tokenDim; i++) score += standardized[token * tokenDim + i]! * query[i]!;
      return score / Math.sqrt(tokenDim);
    });
    const most = scores.reduce((best, score) => Math.max(best, score), -Infinity);
    const total = scores.reduce((sum, score) => sum + Math.exp(score - most), 0);
    const pooled = new Float64Array(tokenDim);
    scores.forEach((score, token) => {
      const weight = Math.exp(score - most) / total;
      for (let i = 0; i < tokenDim; i++) pooled[i]! += weight * standardized[token * tokenDim + i]!;
    });
    return pooled;
  }
}
