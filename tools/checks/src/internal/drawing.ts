/** Which package may import which; a row `name/node` is about a folder of a package. */
export type ImportTable = Readonly<Record<string, readonly string[]>>;

const START = '<!-- drawing:start (npm run architecture) -->';
const END = '<!-- drawing:end -->';

/** The groups of the drawing, from the top down; a package that none names stands alone. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  programs: ['cli', 'export'],
  training: ['stage1-trainer', 'stage2-trainer', 'classifier-trainer', 'training', 'linear-probe', 'evaluation'],
  models: ['tokenizer', 'transformers', 'classifier', 'sampling', 'codes'],
  'part families': ['layers', 'quantizers', 'losses', 'discriminator', 'optim'],
  'files and reports': ['files', 'data', 'checkpoint', 'report', 'tensorboard', 'cluster'],
};

/**
 * Returns a package's imports without those that it reaches through another import: arrows that
 * follow from other arrows would hide them.
 */
function directImports(table: ImportTable, name: string): string[] {
  const reach = (from: string, seen = new Set<string>()): Set<string> => {
    for (const next of table[from] ?? []) {
      if (!seen.has(next)) reach(next, seen.add(next));
    }
    return seen;
  };
  const imports = table[name] ?? [];
  return imports.filter((target) => !imports.some((other) => other !== target && reach(other).has(target)));
}

/** Returns the rows of packages: what their folders for Node may import belongs to the package. */
function byPackage(table: ImportTable, hidden: ReadonlySet<string>): ImportTable {
  const rows: Record<string, string[]> = {};
  for (const [row, imports] of Object.entries(table)) {
    const name = row.replace(/\/.*/, '');
    if (hidden.has(name)) continue;
    rows[name] = [...new Set([...(rows[name] ?? []), ...imports])].filter((each) => each !== name);
  }
  return rows;
}

/** Returns a Mermaid flowchart of the table, without the packages that only tests use. */
export function drawImports(table: ImportTable, hidden: readonly string[] = []): string {
  const rows = byPackage(table, new Set(hidden));
  const lines = ['flowchart TB'];
  for (const [index, [title, members]] of Object.entries(GROUPS).entries()) {
    const present = members.filter((name) => name in rows);
    if (!present.length) continue;
    lines.push(`  subgraph group${index}["${title}"]`, ...present.map((name) => `    ${name}`), '  end');
  }
  for (const name of Object.keys(rows)) {
    const imports = directImports(rows, name);
    if (imports.length) lines.push(`  ${name} --> ${imports.join(' & ')}`);
  }
  return lines.join('\n');
}

/** Returns the page with the drawing between its markers. */
export function withDrawing(page: string, drawing: string): string {
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`expected ${START} and ${END} in the page, got none. Add them.`);
  return `${page.slice(0, start)}${START}\n\n\`\`\`mermaid\n${drawing}\n\`\`\`\n\n${page.slice(end)}`;
}
