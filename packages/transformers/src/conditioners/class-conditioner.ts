import {
  ConfigError,
  DataError,
  assertInteger,
  assertTokensInRange,
  checkOptions,
  countOf,
  type ImageOrCodeBatch,
  type OptionTable,
} from '@vitvq/core';
import type { ClassConditionerConfig } from './conditioner-config.js';
import type { Conditioner } from './conditioner.js';

/** Options of a {@link ClassConditioner}. */
export interface ClassConditionerOptions {
  readonly classCount: number;
  /** What people call them, one a class; kept in a model folder. @default none */
  readonly classNames?: readonly string[];
}

const classConditionerOptionNames: OptionTable<ClassConditionerOptions> = {
  classCount: 'required',
  classNames: 'optional',
};

/**
 * Gives the class of an image as one token before it (arXiv:2110.04627, sec. 4.2). One more token
 * than there are classes stands for no class.
 */
export class ClassConditioner implements Conditioner {
  readonly length = 1;
  readonly classCount: number;
  readonly classNames: readonly string[] | undefined;

  /** @throws {ConfigError} */
  constructor(options: ClassConditionerOptions) {
    const { classCount, classNames } = checkOptions(options, classConditionerOptionNames, 'ClassConditioner', {
      allowOthers: true,
    });
    assertInteger(classCount, 'classCount', 'ClassConditioner');
    if (classNames && classNames.length !== classCount) {
      throw new ConfigError({
        where: 'ClassConditioner',
        expected: `a name for each of ${classCount} classes`,
        got: `${classNames.length} names`,
      });
    }
    this.classCount = classCount;
    this.classNames = classNames && [...classNames];
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

  get config(): ClassConditionerConfig {
    const { classCount, classNames } = this;
    return { kind: 'class', classCount, ...(classNames && { classNames }) };
  }

  /** @throws {DataError} for a class that there is not */
  encode(classes: ArrayLike<number>): Int32Array {
    assertTokensInRange(classes, [classes.length], this.classCount, 'classes', 'ClassConditioner');
    return Int32Array.from(classes);
  }

  ofBatch(batch: ImageOrCodeBatch): Int32Array {
    const { labels } = batch;
    if (!labels) {
      throw new DataError({ where: 'ClassConditioner', expected: 'batches with labels', got: 'none' });
    }
    return this.encode(labels.subarray(0, countOf(batch)));
  }
}
