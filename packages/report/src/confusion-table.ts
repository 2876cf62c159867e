import { assertMembers, checkOptions, formatShape, ShapeError, type OptionTable } from '@vitvq/core';
import type { TableBlock } from './report-content.js';

/** Options of {@link confusionTable}. */
export interface ConfusionTableOptions {
  /** Names of the classes, K of them. */
  readonly classes: readonly string[];
  /** Name of the classifier for the caption, such as the block whose features it takes. */
  readonly name: string;
}

const confusionTableOptionNames: OptionTable<ConfusionTableOptions> = {
  classes: 'required',
  name: 'required',
};

/**
 * Shows which classes are confused: for each row, the percentage of the samples of its class that
 * were classified as the column's. The row of a class without samples is empty.
 * @param classification  a `Classification` of `@vitvq/linear-probe`, or any object with
 * `confusion` `[K][K]`: the number of samples of the row's class that were classified as the
 * column's
 * @throws {ShapeError} when classes and confusion do not fit
 */
export function confusionTable(
  classification: { readonly confusion: readonly (readonly number[])[] },
  options: ConfusionTableOptions,
): TableBlock {
  const { classes, name } = checkOptions(options, confusionTableOptionNames, 'confusionTable');
  assertMembers(classification, ['confusion'], 'the classification', 'confusionTable');
  const { confusion } = classification;
  const size = classes.length;
  const misfit = [confusion, ...confusion].find(({ length }) => length !== size);
  if (misfit) {
    throw new ShapeError({
      where: 'confusionTable',
      expected: `confusion ${formatShape([size, size])}, a row and a column for each of ${size} classes`,
      got: misfit === confusion ? `${misfit.length} rows` : `a row of ${misfit.length}`,
    });
  }
  return {
    kind: 'table',
    caption: `Confusion of ${name}, in per cent of the test samples of the row's class: classified as the column's.`,
    columns: ['', ...classes],
    rows: confusion.map((row, label) => {
      const total = row.reduce((sum, count) => sum + count, 0);
      return [classes[label]!, ...row.map((count) => (total === 0 ? '' : ((100 * count) / total).toFixed(0)))];
    }),
  };
}
