/** A table of a page: texts in the first columns, figures in the rest. */
export interface Table {
  readonly columns: readonly string[];
  /** Number of columns of texts, which are aligned to the left. */
  readonly texts: number;
  readonly rows: readonly (readonly string[])[];
}

/** Returns a table in Markdown, its columns as wide as their widest cells. */
export function markdownTable({ columns, texts, rows }: Table): string {
  const widths = columns.map((column, index) => Math.max(3, column.length, ...rows.map((row) => row[index]!.length)));
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((cell, index) =>
      index < texts ? cell.padEnd(widths[index]!) : cell.padStart(widths[index]!),
    );
    return `| ${padded.join(' | ')} |`;
  };
  const rule = widths.map((width, index) => (index < texts ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(columns), line(rule), ...rows.map(line)].join('\n');
}
