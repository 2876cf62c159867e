import { ShapeError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { confusionTable } from '../src/index.js';

describe('confusionTable', () => {
  it('has the per cent of each row, and empty rows for classes without samples', () => {
    const confusion = [
      [3, 1, 0],
      [0, 0, 0],
      [1, 1, 1],
    ];
    expect(confusionTable({ confusion }, { classes: ['cat', 'dog', 'ship'], name: 'blocks.3' })).toEqual({
      kind: 'table',
      caption: "Confusion of blocks.3, in per cent of the test samples of the row's class: classified as the column's.",
      columns: ['', 'cat', 'dog', 'ship'],
      rows: [
        ['cat', '75', '25', '0'],
        ['dog', '', '', ''],
        ['ship', '33', '33', '33'],
      ],
    });
  });

  it.each([
    [[[1, 0]], 'got 1 rows'],
    [[[1, 0], [1]], 'got a row of 1'],
  ])('refuses %j for two classes', (confusion, got) => {
    const attempt = (): unknown => confusionTable({ confusion }, { classes: ['cat', 'dog'], name: 'blocks.3' });
    expect(attempt).toThrow(ShapeError);
    expect(attempt).toThrow(
      `confusionTable: expected confusion [2, 2], a row and a column for each of 2 classes, ${got}.`,
    );
  });
});
