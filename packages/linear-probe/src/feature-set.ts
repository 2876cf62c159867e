import { ConfigError, DataError, ShapeError } from '@vitvq/core';

/** Features in host memory, one row a sample. */
export interface FeatureMatrix {
  /** D. */
  readonly dim: number;
  /** `[count, D]` row-major. */
  readonly data: Float32Array;
}

/** Features of named blocks for the same samples. */
export interface FeatureSet {
  /** Number of samples. */
  readonly count: number;
  /** Class of each sample, an integer from 0. */
  readonly labels: Int32Array;
  readonly blocks: ReadonlyMap<string, FeatureMatrix>;
}

/** Features of one block with the classes of its rows: what a probe learns from. */
export interface LabelledFeatures extends FeatureMatrix {
  /** What messages call these features. */
  readonly block: string;
  readonly labels: Int32Array;
}

/** One block of a set; shares its memory. @throws {ConfigError} when there is no such block, listing those that are there */
export function blockFeatures({ labels, blocks }: FeatureSet, block: string): LabelledFeatures {
  const matrix = blocks.get(block);
  if (!matrix) {
    throw new ConfigError({ where: 'blockFeatures', expected: `one of ${[...blocks.keys()].join(', ')}`, got: block });
  }
  return { block, labels, dim: matrix.dim, data: matrix.data };
}

/**
 * Joins the blocks of sets that were collected from the same samples in the same order, as where a baseline takes images and the
 * model takes tokens. Shares their memory.
 * @throws {ConfigError} when there is no set, or two sets have a block of the same name
 * @throws {ShapeError} when the sets have different numbers of samples
 * @throws {DataError} naming the first sample whose labels differ
 */
export function mergeFeatures(...sets: readonly FeatureSet[]): FeatureSet {
  const where = 'mergeFeatures';
  const [first] = sets;
  if (!first) throw new ConfigError({ where, expected: 'one or more sets', got: 'none' });
  const blocks = new Map<string, FeatureMatrix>();
  for (const set of sets) {
    if (set.count !== first.count) {
      throw new ShapeError({ where, expected: `${first.count} samples in every set`, got: String(set.count) });
    }
    const wrong = set.labels.findIndex((label, sample) => label !== first.labels[sample]);
    if (wrong >= 0) {
      throw new DataError({
        where,
        expected: 'the same samples in the same order in every set',
        got: `labels ${first.labels[wrong]} and ${set.labels[wrong]} for sample ${wrong}`,
        fix: 'Collect without shuffling.',
      });
    }
    for (const [name, matrix] of set.blocks) {
      if (blocks.has(name)) throw new ConfigError({ where, expected: 'names that differ', got: `"${name}" twice` });
      blocks.set(name, matrix);
    }
  }
  return { count: first.count, labels: first.labels, blocks };
}
