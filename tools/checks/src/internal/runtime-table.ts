/** What was tried in a runtime, and whether it worked. */
export type Outcomes = Readonly<Record<string, boolean>>;

const START = '<!-- table:start (npm run check-runtimes -- --write) -->';
const END = '<!-- table:end -->';

/** Returns a Markdown table with a row for each thing that was tried and a column a runtime. */
export function formatTable(outcomes: Readonly<Record<string, Outcomes>>): string {
  const runtimes = Object.keys(outcomes);
  const tried = [...new Set(Object.values(outcomes).flatMap((each) => Object.keys(each)))];
  const cell = (runtime: string, title: string): string => {
    const outcome = outcomes[runtime]![title];
    return outcome === undefined ? 'untested' : outcome ? 'yes' : 'no';
  };
  const rows = [
    ['', ...runtimes],
    ...tried.map((title) => [title, ...runtimes.map((runtime) => cell(runtime, title))]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, column) => text.padEnd(widths[column]!)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(rows[0]!), rule, ...rows.slice(1).map(line)].join('\n');
}

/** Returns the page with the table between its markers. */
export function replaceTable(page: string, table: string): string {
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`expected ${START} and ${END} in the page, got none. Add them.`);
  return `${page.slice(0, start)}${START}\n\n${table}\n\n${page.slice(end)}`;
}
