import { assertInteger, DataError } from '@vitvq/core';
import type { LabelledFeatures } from './feature-set.js';
import { assertFeatures } from './internal/assert-features.js';
import type { SoftmaxProbe } from './softmax-probe.js';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** How well a classifier does on some samples. Plain data. */
export interface Classification {
  /** Number of samples. */
  readonly count: number;
  /** Share of samples whose class has the highest logit. */
  readonly top1: number;
  /** Share of samples whose class is among the five with the highest logits; 1 where there are no more than five classes. */
  readonly top5: number;
  /** 95 % confidence interval of `top1`: what other samples of the same kind would give. */
  readonly interval: Interval;
  /** Mean over samples, nats. */
  readonly crossEntropy: number;
  /** `[K][K]`: samples of class row that were taken for class column. */
  readonly confusion: readonly (readonly number[])[];
}

/** Rows whose logits are in memory at once. */
const chunk = 512;

/**
 * Measures a probe. Of equal logits the one of the lower class counts as higher, so that nothing is won by ties.
 * @throws {ShapeError}
 * @throws {DataError} naming the block
 */
export function evaluateProbe(probe: SoftmaxProbe, features: LabelledFeatures): Classification {
  const { classes } = probe;
  assertFeatures(features, classes, 'evaluateProbe');
  const { dim, data, labels } = features;
  const count = labels.length;
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  let [top1, top5, crossEntropy] = [0, 0, 0];
  for (let start = 0; start < count; start += chunk) {
    const end = Math.min(start + chunk, count);
    const logits = probe.logits({ dim, data: data.subarray(start * dim, end * dim) });
    for (let row = start; row < end; row++) {
      const own = logits.subarray((row - start) * classes, (row - start + 1) * classes);
      const label = labels[row]!;
      const { ahead, best, logSum } = rank(own, label);
      if (ahead === 0) top1++;
      if (ahead < 5) top5++;
      crossEntropy += logSum - own[label]!;
      confusion[label]![best]!++;
    }
  }
  return {
    count,
    top1: top1 / count,
    top5: top5 / count,
    interval: wilsonInterval(top1, count),
    crossEntropy: crossEntropy / count,
    confusion,
  };
}

/** How many classes come before `label`, which comes first, and the logarithm of the softmax's denominator. */
function rank(logits: Float64Array, label: number): { ahead: number; best: number; logSum: number } {
  const own = logits[label]!;
  let [ahead, best] = [0, 0];
  for (let k = 0; k < logits.length; k++) {
    if (logits[k]! > own || (logits[k]! === own && k < label)) ahead++;
    if (logits[k]! > logits[best]!) best = k;
  }
  const most = logits[best]!;
  return { ahead, best, logSum: most + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0)) };
}

/**
 * Confidence interval of a share (Wilson 1927), which holds for few samples and near 0 and 1 as well.
 * @param z  quantile of the normal distribution. 95 % by default
 * @throws {ConfigError} for counts that are no whole numbers
 * @throws {DataError} for more successes than samples
 */
export function wilsonInterval(successes: number, count: number, z = 1.959963984540054): Interval {
  const where = 'wilsonInterval';
  assertInteger(count, 'count', where);
  assertInteger(successes, 'successes', where, 0);
  if (successes > count) {
    throw new DataError({ where, expected: `at most ${count} successes`, got: String(successes) });
  }
  const share = successes / count;
  const centre = (share + z ** 2 / (2 * count)) / (1 + z ** 2 / count);
  const half = (z / (1 + z ** 2 / count)) * Math.sqrt((share * (1 - share)) / count + z ** 2 / (4 * count ** 2));
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}
