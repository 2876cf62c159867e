import type { LabelledFeatures } from './feature-set.js';
import { assertFeatures } from './internal/assert-features.js';
import type { SoftmaxProbe } from './softmax-probe.js';
import { wilsonInterval, type Interval } from './wilson-interval.js';

/** Measurements of a classifier on a set of samples, as plain data. */
export interface Classification {
  /** Number of samples. */
  readonly count: number;
  /** Fraction of samples whose class has the highest logit. */
  readonly top1: number;
  /**
   * Fraction of samples whose class is among the five with the highest logits; 1 for at most five
   * classes.
   */
  readonly top5: number;
  /** 95 % confidence interval of `top1` over samples of the same kind. */
  readonly interval: Interval;
  /** Mean cross-entropy of the samples in nats. */
  readonly crossEntropy: number;
  /** `[K][K]`: number of samples of the row's class that were classified as the column's. */
  readonly confusion: readonly (readonly number[])[];
}

/** Number of rows whose logits are in memory at once. */
const chunk = 512;

/**
 * Measures a probe. Of equal logits, that of the lower class counts as the higher one, so that ties
 * gain nothing.
 * @throws {ShapeError} unless the features have one row for each label, of the width that the probe
 * takes
 * @throws {DataError} naming the block for features that are not finite, labels out of range, and
 * no samples
 */
export function evaluateProbe(probe: SoftmaxProbe, features: LabelledFeatures): Classification {
  assertFeatures(features, probe.classes, 'evaluateProbe');
  const { dim, data, labels } = features;
  return measureClassifier(labels, probe.classes, (start, end) =>
    probe.logits({ dim, data: data.subarray(start * dim, end * dim) }),
  );
}

/**
 * Measures any classifier. Of equal logits, that of the lower class counts as the higher one.
 * @param logitsOf  returns the logits `[end - start, K]` of some samples; called in order
 */
export function measureClassifier(
  labels: Int32Array,
  classes: number,
  logitsOf: (start: number, end: number) => Float64Array,
): Classification {
  const count = labels.length;
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  let [top1, top5, crossEntropy] = [0, 0, 0];
  for (let start = 0; start < count; start += chunk) {
    const end = Math.min(start + chunk, count);
    const logits = logitsOf(start, end);
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

/**
 * Returns the number of classes ahead of `label`, the class with the highest logit, and the
 * logarithm of the softmax's denominator.
 */
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
