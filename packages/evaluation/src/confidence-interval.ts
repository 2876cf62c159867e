import {
  assertInteger,
  checkOptions,
  DataError,
  foldIn,
  mean,
  randomInts,
  type OptionTable,
  type RandomKey,
} from '@vitvq/core';

/** How an interval was found; each function of this file is one way. */
export type IntervalMethod = 'bootstrap' | 'splits' | 'subsets' | 'jackknife';

/** A 95 % confidence interval. */
export interface ConfidenceInterval {
  readonly low: number;
  readonly high: number;
  readonly method: IntervalMethod;
}

/** Quantile of the normal distribution for an interval of 95 %. */
const normalQuantile = 1.959963984540054;

/** Options of {@link bootstrapInterval}. */
export interface BootstrapOptions {
  /** Decides which values each resample has. */
  readonly key: RandomKey;
  /** Number of resamples. @default 1000 */
  readonly resamples?: number;
}

const bootstrapOptionNames: OptionTable<BootstrapOptions> = { key: 'required', resamples: 'optional' };

/**
 * Returns the interval of a mean over images: the central 95 % of the means of resamples that are
 * drawn with replacement (Efron 1979).
 * @param values  one value an image, such as its PSNR
 * @throws {DataError} without values
 */
export function bootstrapInterval(values: ArrayLike<number>, options: BootstrapOptions): ConfidenceInterval {
  const where = 'bootstrapInterval';
  const { key, resamples = 1000 } = checkOptions(options, bootstrapOptionNames, where);
  assertInteger(resamples, 'resamples', where);
  const count = values.length;
  if (count === 0) throw new DataError({ where, expected: 'at least one value', got: 'none' });
  const means = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    let sum = 0;
    for (const index of randomInts(foldIn(key, resample), count, count)) sum += values[index]!;
    means[resample] = sum / count;
  }
  return { ...centralPart(means), method: 'bootstrap' };
}

/**
 * Returns the interval of the mean of independent figures, by Student's distribution: those of
 * disjoint sets of images of equal size, or of trainings from different seeds. Undefined for a
 * single one.
 */
export function splitsInterval(values: ArrayLike<number>): ConfidenceInterval | undefined {
  const count = values.length;
  if (count < 2) return undefined;
  const centre = mean(values);
  const variance = Array.from(values).reduce((sum, value) => sum + (value - centre) ** 2, 0) / (count - 1);
  return { ...around(centre, Math.sqrt(variance / count), count - 1), method: 'splits' };
}

/**
 * Returns the range of the central 95 % of figures of subsets that overlap: what a figure of one
 * subset varies by. The mean over the subsets is known better than that. Undefined for a single
 * subset.
 */
export function subsetsInterval(values: ArrayLike<number>): ConfidenceInterval | undefined {
  return values.length < 2 ? undefined : { ...centralPart(Float64Array.from(values)), method: 'subsets' };
}

/**
 * Returns the interval of a smooth figure of all images by the jackknife: the figure is computed
 * again without each of several disjoint groups of images of equal size (Efron and Stein 1981).
 * Undefined for fewer than two groups.
 * @param value  the figure of all images
 * @param without  the figure without each group
 */
export function jackknifeInterval(value: number, without: ArrayLike<number>): ConfidenceInterval | undefined {
  const groups = without.length;
  if (groups < 2) return undefined;
  const centre = mean(without);
  const spread = Array.from(without).reduce((sum, figure) => sum + (figure - centre) ** 2, 0);
  return { ...around(value, Math.sqrt(((groups - 1) / groups) * spread), groups - 1), method: 'jackknife' };
}

function around(centre: number, standardError: number, freedom: number): { low: number; high: number } {
  const half = studentQuantile(freedom) * standardError;
  return { low: centre - half, high: centre + half };
}

/**
 * Returns the quantile of Student's distribution for an interval of 95 %. The first values are
 * exact to the digits shown; the rest is the expansion of Cornish and Fisher, to 1e-3.
 */
function studentQuantile(freedom: number): number {
  const exact = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306][freedom - 1];
  if (exact !== undefined) return exact;
  const z = normalQuantile;
  return (
    z +
    (z ** 3 + z) / (4 * freedom) +
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * freedom ** 3)
  );
}

/** Returns the ends of the central 95 % of values, interpolated between neighbours. */
function centralPart(values: Float64Array): { low: number; high: number } {
  const sorted = values.slice().sort();
  const at = (fraction: number): number => {
    const place = fraction * (sorted.length - 1);
    const below = Math.floor(place);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
  };
  return { low: at(0.025), high: at(0.975) };
}
