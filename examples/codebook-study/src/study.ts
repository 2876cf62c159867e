import { VARIANTS, type Variant } from './config.js';
import { estimate, type Estimate } from './estimate.js';
import type { Metric } from './metrics.js';
import type { Results } from './results.js';
import type { Measurement, Result } from './train-variant.js';

/** The trainings of all variants from the same seeds. */
export class Study {
  readonly #results: Results;
  readonly #seeds: readonly number[];

  /** @param seeds  at least two, of which there are results of every variant */
  constructor(results: Results, seeds: readonly number[]) {
    this.#results = results;
    this.#seeds = seeds;
  }

  /** Seconds of all trainings. */
  get seconds(): number {
    return VARIANTS.flatMap((variant) => this.#of(variant)).reduce((sum, { seconds }) => sum + seconds, 0);
  }

  /** Returns how a metric went, measurement by measurement. */
  curve(variant: Variant, metric: Metric): (Estimate & { readonly step: number })[] {
    const [first, ...others] = this.#of(variant);
    return first!.curve.map((measurement, index) => ({
      step: measurement.step,
      ...estimate([measurement, ...others.map(({ curve }) => curve[index]!)].map((one) => one[metric])),
    }));
  }

  /** Returns a metric at the end. */
  end(variant: Variant, metric: Metric): Estimate {
    return estimate(this.#ends(variant).map((one) => one[metric]));
  }

  /**
   * Returns by how much a variant's metric is above another's at the end. Both have the same first
   * weights and batches for the same seed, so that the difference is known better than either.
   */
  difference(variant: Variant, other: Variant, metric: Metric): Estimate {
    const others = this.#ends(other);
    return estimate(this.#ends(variant).map((one, index) => one[metric] - others[index]![metric]));
  }

  #ends(variant: Variant): Measurement[] {
    return this.#of(variant).map(({ curve }) => curve.at(-1)!);
  }

  #of(variant: Variant): Result[] {
    return this.#seeds.map((seed) => this.#results.of(variant, seed)!);
  }
}
