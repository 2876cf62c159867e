import { DataError } from './errors.js';

/**
 * Throws for what a source hands out that has ended, or that is an iterator.
 * @param count  how many batches came before
 * @throws {DataError}
 */
export function assertBatch(batch: unknown, count: number, where: string): void {
  const isResult = typeof batch === 'object' && batch !== null && 'done' in batch;
  if (batch === undefined || batch === null || (isResult && batch.done === true)) {
    throw new DataError({
      where,
      expected: 'a source with batches for as long as it is asked',
      got:
        count === 0 ? 'a source without a batch' : `one that ended after ${count} ${count === 1 ? 'batch' : 'batches'}`,
      fix: 'Begin the data anew at their end, as createBatches of @vitvq/data does without epochs.',
    });
  }
  if (isResult) {
    throw new DataError({
      where,
      expected: 'a source whose next() returns a batch',
      got: "an iterator's result { value, done }",
      fix: 'Return the value itself.',
    });
  }
}
