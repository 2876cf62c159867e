import {
  assertInteger,
  checkOptions,
  ConfigError,
  mean,
  permutation,
  takeRows,
  type OptionTable,
  type RandomKey,
} from '@vitvq/core';
import { assertFeatureRows, type FeatureRows } from './feature-rows.js';

/** Options of {@link inceptionScore}. */
export interface InceptionScoreOptions {
  /** Number of splits, whose scores are averaged. @default 10 */
  readonly splits?: number;
  /**
   * Shuffles the images before they are split: samples that are ordered by class would otherwise
   * score low. @default the order of the images
   */
  readonly key?: RandomKey;
}

const inceptionScoreOptionNames: OptionTable<InceptionScoreOptions> = { splits: 'optional', key: 'optional' };

/** Scores of the splits of a set of images. */
export interface InceptionScore {
  /** Mean over the splits. */
  readonly mean: number;
  /** Score of each split. */
  readonly splits: Float64Array;
}

/**
 * Returns the Inception score of logits (Salimans et al. 2016, arXiv:1606.03498):
 * `exp(E KL(p(y|x) ‖ p(y)))`, from 1 to the number of classes; IS where the logits are those of the
 * Inception network. It rises with the number of images of a split.
 * @param logits  `[N, K]`
 * @throws {ConfigError} for options out of range, and more splits than images
 * @throws {ShapeError} @throws {DataError} for logits that are none
 */
export function inceptionScore(logits: FeatureRows, options: InceptionScoreOptions = {}): InceptionScore {
  const where = 'inceptionScore';
  const { splits = 10, key } = checkOptions(options, inceptionScoreOptionNames, where);
  assertInteger(splits, 'splits', where);
  const count = assertFeatureRows(logits, 'logits', where);
  if (splits > count) throw new ConfigError({ where, expected: `at most ${count} splits`, got: String(splits) });
  const { dim, data } = logits;
  const shuffled = key ? takeRows(data, dim, Array.from(permutation(key, count))) : data;
  const scores = Float64Array.from({ length: splits }, (_, split) => {
    const [begin, end] = [split, split + 1].map((part) => Math.floor((part * count) / splits));
    return scoreOf(shuffled.subarray(begin! * dim, end! * dim), dim);
  });
  return { mean: mean(scores), splits: scores };
}

/** Returns the score of the logits of one split. */
function scoreOf(logits: Float32Array | Float64Array, classes: number): number {
  const count = logits.length / classes;
  const marginal = new Float64Array(classes);
  let negativeEntropy = 0;
  for (let row = 0; row < count; row++) {
    const own = logits.subarray(row * classes, (row + 1) * classes);
    let most = -Infinity;
    for (const logit of own) most = Math.max(most, logit);
    let total = 0;
    for (const logit of own) total += Math.exp(logit - most);
    const logTotal = Math.log(total) + most;
    for (let k = 0; k < classes; k++) {
      const logProbability = own[k]! - logTotal;
      const probability = Math.exp(logProbability);
      marginal[k]! += probability / count;
      if (probability > 0) negativeEntropy += (probability * logProbability) / count;
    }
  }
  const crossEntropy = marginal.reduce((sum, value) => (value > 0 ? sum - value * Math.log(value) : sum), 0);
  return Math.exp(negativeEntropy + crossEntropy);
}
