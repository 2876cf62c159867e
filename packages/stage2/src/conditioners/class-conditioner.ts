import { assertInteger, DataError } from '@vitvq/core';
import { countOf, type Stage2Batch } from '../stage2-batch.js';
import { assertTokensInRange } from '../token-checks.js';
import type { Conditioner } from './conditioner.js';

/** The class of an image as one token before it (arXiv:2110.04627, sec. 4.2); one more token than classes is no class. */
export class ClassConditioner implements Conditioner {
  readonly length = 1;
  readonly classCount: number;

  /** @throws {ConfigError} */
  constructor({ classCount }: { readonly classCount: number }) {
    assertInteger(classCount, 'classCount', 'ClassConditioner');
    this.classCount = classCount;
  }

  get vocabSize(): number {
    return this.classCount + 1;
  }

  get nullTokens(): Int32Array {
    return Int32Array.of(this.classCount);
  }

  get description(): Readonly<Record<string, unknown>> {
    return { kind: 'class', classCount: this.classCount };
  }

  /** @throws {DataError} for a class that there is not */
  encode(classes: ArrayLike<number>): Int32Array {
    assertTokensInRange(classes, [classes.length], this.classCount, 'classes', 'ClassConditioner');
    return Int32Array.from(classes);
  }

  ofBatch(batch: Stage2Batch): Int32Array {
    const { labels } = batch;
    if (!labels) {
      throw new DataError({ where: 'ClassConditioner', expected: 'batches with labels', got: 'none' });
    }
    return this.encode(labels.subarray(0, countOf(batch)));
  }
}
