import { ConfigError, DataError, ShapeError } from '@vitvq/core';

/** Features in host memory, with a row for each sample. */
export interface FeatureMatrix {
  /** Width of the features, D. */
  readonly dim: number;
  /** `[count, D]` row-major. */
  readonly data: Float32Array;
}

/** Features of several blocks for the same samples. */
export interface FeatureSet {
  /** Number of samples. */
  readonly count: number;
  /** Class of each sample, an integer from 0. */
  readonly labels: Int32Array;
  readonly blocks: ReadonlyMap<string, FeatureMatrix>;
  /**
   * SHA-256 of each input, by which the same images are found in two sets. Present where
   * `collectFeatures` saw them.
   */
  readonly hashes?: readonly string[];
}

/** Features of one block with the class of each row, from which a probe learns. */
export interface LabelledFeatures extends FeatureMatrix {
  /** Name of the block in messages. */
  readonly block: string;
  readonly labels: Int32Array;
}

/**
 * Returns one block of a set; shares its memory.
 * @throws {ConfigError} listing the blocks when there is no such block
 */
export function blockFeatures({ labels, blocks }: FeatureSet, block: string): LabelledFeatures {
  const matrix = blocks.get(block);
  if (!matrix) {
    throw new ConfigError({ where: 'blockFeatures', expected: `one of ${[...blocks.keys()].join(', ')}`, got: block });
  }
  return { block, labels, dim: matrix.dim, data: matrix.data };
}

/**
 * Joins the blocks of sets that were collected from the same samples in the same order, for example
 * when a baseline takes images and the model takes tokens. Shares their memory.
 * @throws {ConfigError} without sets, and when two sets have a block of the same name
 * @throws {ShapeError} when the sets have different numbers of samples
 * @throws {DataError} naming the first sample whose labels differ
 */
export function mergeFeatures(...sets: readonly FeatureSet[]): FeatureSet {
  const where = 'mergeFeatures';
  const [first] = sets;
  if (!first) throw new ConfigError({ where, expected: 'at least one set', got: 'none' });
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
      if (blocks.has(name))
        throw new ConfigError({ where, expected: 'blocks of different names', got: `"${name}" twice` });
      blocks.set(name, matrix);
    }
  }
  const hashes = sets.find((set) => set.hashes)?.hashes;
  return { count: first.count, labels: first.labels, blocks, ...(hashes && { hashes }) };
}
