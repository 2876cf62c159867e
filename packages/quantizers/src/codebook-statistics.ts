import { assertInteger, ConfigError } from '@vitvq/core';

/** What counts of codes say about a codebook. */
export interface CodebookStatistics {
  /** Fraction of the codes that were chosen at least once, in [0, 1]. */
  readonly usage: number;
  /**
   * 2 to the power of the entropy: the number of equally frequent codes that would be as varied; 0
   * when nothing was counted.
   */
  readonly perplexity: number;
  /** Codes that were never chosen, ascending. */
  readonly deadCodes: readonly number[];
  /** Entropy of the distribution of codes, in bits; at most log2(K). */
  readonly entropyBits: number;
}

/**
 * Returns usage, perplexity, entropy and dead codes of counts. Perplexity and usage grow with the
 * number of tokens that were counted: compare only what was counted over equally many.
 * @param counts  how often each of the K codes was chosen
 * @throws {ConfigError} without counts, and for a count that is negative or not finite
 */
export function codebookStatistics(counts: ArrayLike<number>): CodebookStatistics {
  const where = 'codebookStatistics';
  const all = Array.from(counts);
  if (all.length === 0) throw new ConfigError({ where, expected: 'one count a code', got: 'no counts' });
  const wrong = all.findIndex((count) => !Number.isFinite(count) || count < 0);
  if (wrong >= 0) {
    throw new ConfigError({ where, expected: 'counts of at least 0', got: `${all[wrong]} for code ${wrong}` });
  }
  const total = all.reduce((sum, count) => sum + count, 0);
  const deadCodes = all.flatMap((count, code) => (count === 0 ? [code] : []));
  const entropyBits = all.reduce(
    (sum, count) => (count > 0 ? sum - (count / total) * Math.log2(count / total) : sum),
    0,
  );
  return {
    usage: 1 - deadCodes.length / all.length,
    perplexity: total > 0 ? 2 ** entropyBits : 0,
    deadCodes,
    entropyBits,
  };
}

/**
 * Returns codebook usage by the paper's definition (arXiv:2110.04627, Table 4): the fraction of
 * codes that are chosen for a batch of 256 test images, averaged over batches. The fraction that a
 * whole data set uses is larger.
 * @param batchesOf256Indices  token indices of each batch of 256 images, without a last, smaller
 *   batch
 * @throws {ConfigError} without a batch, or when an index is not in [0, codebookSize)
 */
export function paperCodebookUsage(batchesOf256Indices: Iterable<ArrayLike<number>>, codebookSize: number): number {
  const where = 'paperCodebookUsage';
  assertInteger(codebookSize, 'codebookSize', where);
  const fractions: number[] = [];
  for (const indices of batchesOf256Indices) {
    const used = new Set(Array.from(indices));
    for (const index of used) {
      if (!Number.isInteger(index) || index < 0 || index >= codebookSize) {
        throw new ConfigError({ where, expected: `indices in [0, ${codebookSize})`, got: String(index) });
      }
    }
    fractions.push(used.size / codebookSize);
  }
  if (fractions.length === 0) throw new ConfigError({ where, expected: 'at least one batch', got: 'none' });
  return fractions.reduce((sum, fraction) => sum + fraction, 0) / fractions.length;
}
