import { concatenate, ConfigError, DataError, takeRows } from '@vitvq/core';
import { combineStatistics, FeatureMoments, type FeatureStatistics } from '../features/feature-moments.js';
import type { FeatureRows } from '../features/feature-rows.js';
import type { HostFeatures } from '../internal/compiled-extractor.js';

/** What metrics keep of a set of images. */
export interface Needs {
  /** Mean and covariance of features, of this many disjoint groups of images; 0 keeps none. */
  readonly groups: number;
  /** Features of each image. */
  readonly pooled: boolean;
  /** Logits of each image. */
  readonly logits: boolean;
  /** Class of each image. */
  readonly labels: boolean;
}

/** Features of a set of images, as far as metrics need them, batch by batch. */
export class MeasuredImages {
  readonly #needs: Needs;
  /** Name of the set in messages. */
  readonly #name: string;
  readonly #groups: FeatureMoments[] = [];
  readonly #pooled: Float32Array[] = [];
  readonly #logits: Float32Array[] = [];
  readonly #labels: number[] = [];
  #dim = 0;
  #classes = 0;
  #count = 0;

  constructor(needs: Needs, name: string) {
    this.#needs = needs;
    this.#name = name;
  }

  /** Number of images so far. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds the features of a batch.
   * @throws {ConfigError} where logits are needed that the extractor does not give
   * @throws {DataError} for features that are not finite, and where labels are missing
   */
  add({ pooled, logits }: HostFeatures, labels: ArrayLike<number> | undefined): void {
    const rows = pooled.data.length / pooled.dim;
    const wrong = pooled.data.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) {
      const got = `${pooled.data[wrong]} for image ${this.#count + Math.floor(wrong / pooled.dim)}`;
      throw new DataError({ where: this.#name, expected: 'finite features', got });
    }
    this.#dim = pooled.dim;
    this.#addToGroups(pooled, rows);
    if (this.#needs.pooled) this.#pooled.push(pooled.data);
    if (this.#needs.logits) {
      if (!logits) throw new ConfigError({ where: this.#name, expected: 'an extractor with logits', got: 'none' });
      this.#classes = logits.dim;
      this.#logits.push(logits.data);
    }
    if (this.#needs.labels) this.#addLabels(labels, rows);
    this.#count += rows;
  }

  /** Statistics of each group of images; none where a group has fewer than two. */
  get groups(): FeatureStatistics[] {
    return this.#groups.every(({ count }) => count > 1) ? this.#groups.map((moments) => moments.result()) : [];
  }

  /** Statistics of two disjoint halves. @throws {DataError} for too few images */
  get halves(): [FeatureStatistics, FeatureStatistics] {
    const [first, second] = this.groups;
    if (first && second) return [first, second];
    const expected = 'at least 4 images, two in each half';
    throw new DataError({ where: this.#name, expected, got: String(this.#count) });
  }

  /** Statistics of all images. @throws {DataError} for too few images */
  get statistics(): FeatureStatistics {
    const { groups } = this;
    if (groups.length > 0) return combineStatistics(groups);
    const expected = `at least ${2 * this.#groups.length} images, two in each of ${this.#groups.length} groups`;
    const fix = 'Measure more images, or fewer groups.';
    throw new DataError({ where: this.#name, expected, got: String(this.#count), fix });
  }

  /** Features `[N, D]`. */
  get pooled(): FeatureRows {
    return { dim: this.#dim, data: concatenate(this.#pooled, Float32Array) };
  }

  /** Logits `[N, K]`. */
  get logits(): FeatureRows {
    return { dim: this.#classes, data: concatenate(this.#logits, Float32Array) };
  }

  /** For each image 1 where its class alone has the highest logit, and otherwise 0. */
  get hits(): Float64Array {
    const { dim, data } = this.logits;
    return Float64Array.from(this.#labels, (label, image) => {
      const own = data.subarray(image * dim, (image + 1) * dim);
      return label < dim && own.every((logit, other) => other === label || logit < own[label]!) ? 1 : 0;
    });
  }

  /** Adds each image to the next group in turn. */
  #addToGroups({ dim, data }: FeatureRows, rows: number): void {
    const { groups } = this.#needs;
    while (this.#groups.length < groups) this.#groups.push(new FeatureMoments(dim));
    this.#groups.forEach((moments, group) => {
      const own = Array.from({ length: rows }, (_, row) => row).filter((row) => (this.#count + row) % groups === group);
      moments.add({ dim, data: takeRows(data, dim, own) });
    });
  }

  #addLabels(labels: ArrayLike<number> | undefined, rows: number): void {
    for (let row = 0; row < rows; row++) {
      const label = labels?.[row];
      if (label === undefined || !Number.isInteger(label) || label < 0) {
        const got = `${label ?? 'none'} for image ${this.#count + row}`;
        throw new DataError({ where: this.#name, expected: 'a class of each image', got });
      }
      this.#labels.push(label);
    }
  }
}
