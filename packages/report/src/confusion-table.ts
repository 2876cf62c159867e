import { formatShape, ShapeError } from '@vitvq/core';
import type { TableBlock } from './report-content.js';

export interface ConfusionTableOptions {
  /** Names of the classes, K of them. */
  readonly classes: readonly string[];
  /** What classified, for the caption, such as the name of a block. */
  readonly name: string;
}

/**
 * Which classes are taken for which, as a table of a report: of the samples of a row's class, the per cent that were taken for
 * a column's. The row of a class without samples is empty.
 * @param classification  `confusion` is `[K][K]`: samples of class row that were taken for class column. A `Classification` of
 *   `@vitvq/linear-probe` is such
 * @throws {ShapeError} when classes and confusion do not fit
 */
export function confusionTable(
  { confusion }: { readonly confusion: readonly (readonly number[])[] },
  { classes, name }: ConfusionTableOptions,
): TableBlock {
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
    caption: `Confusion of ${name}, per cent: test samples of a row's class that are taken for a column's.`,
    columns: ['', ...classes],
    rows: confusion.map((row, label) => {
      const total = row.reduce((sum, count) => sum + count, 0);
      return [classes[label]!, ...row.map((count) => (total === 0 ? '' : ((100 * count) / total).toFixed(0)))];
    }),
  };
}
