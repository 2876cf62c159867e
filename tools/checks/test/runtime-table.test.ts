import { expect, it } from 'vitest';
import { formatTable, replaceTable } from '../src/internal/runtime-table.js';

const table = formatTable({ 'Node 20': { trains: true, exports: false }, Bun: { trains: true } });

it('has a column a runtime, and says what was not tried', () => {
  expect(table).toBe(
    [
      '|         | Node 20 | Bun      |',
      '| ------- | ------- | -------- |',
      '| trains  | yes     | yes      |',
      '| exports | no      | untested |',
    ].join('\n'),
  );
});

it('replaces the table between the markers, and refuses a page without', () => {
  const page = 'a\n<!-- table:start (npm run check-runtimes -- --write) -->\nold\n<!-- table:end -->\nb\n';
  expect(replaceTable(page, table)).toContain(`\n\n${table}\n\n`);
  expect(replaceTable(replaceTable(page, table), table)).toBe(replaceTable(page, table));
  expect(() => replaceTable('a', table)).toThrow('Add them');
});
