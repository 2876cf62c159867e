/** A package.json, as far as nothing is known of it. */
export type ManifestJson = Readonly<Record<string, unknown>>;

/** The parts of the repository that hold workspaces. */
export type WorkspaceKind = 'packages' | 'examples' | 'tools';

/** The fields of a package.json, in the order that every one of ours has them in. */
const ORDER = [
  'name',
  'version',
  'private',
  'description',
  'keywords',
  'homepage',
  'bugs',
  'license',
  'author',
  'repository',
  'type',
  'sideEffects',
  'bin',
  'exports',
  'imports',
  'types',
  'files',
  'engines',
  'scripts',
  'dependencies',
  'optionalDependencies',
  'peerDependencies',
  'peerDependenciesMeta',
  'devDependencies',
  'publishConfig',
  'nx',
] as const;
const SORTED = ['dependencies', 'optionalDependencies', 'peerDependencies', 'devDependencies'] as const;
const REPOSITORY = 'https://github.com/vitvq/vitvq';

/** Returns the fields whose values are the same in every package, but for its folder. */
function fixedFields(kind: WorkspaceKind, folder: string, manifest: ManifestJson): ManifestJson {
  const everywhere = { license: 'MIT', type: 'module' };
  if (manifest['private']) return everywhere;
  const directory = `${kind}/${folder}`;
  return {
    ...everywhere,
    homepage: `${REPOSITORY}/tree/main/${directory}#readme`,
    bugs: { url: `${REPOSITORY}/issues` },
    author: 'vitvq contributors',
    repository: { type: 'git', url: `git+${REPOSITORY}.git`, directory },
    types: './dist/index.d.ts',
    files: ['dist', 'src', 'README.md', 'CHANGELOG.md', 'LICENSE'],
    engines: { node: '>=20' },
    publishConfig: { access: 'public', provenance: true },
  };
}

/**
 * Returns the shape that a package.json should have: fields in one order, dependencies sorted,
 * empty ones left out, and what all packages share filled in.
 */
export function canonicalManifest(kind: WorkspaceKind, folder: string, manifest: ManifestJson): ManifestJson {
  const complete: Record<string, unknown> = { ...manifest, ...fixedFields(kind, folder, manifest) };
  for (const field of SORTED) {
    const entries = Object.entries(complete[field] ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    complete[field] = entries.length ? Object.fromEntries(entries) : undefined;
  }
  const known = ORDER.flatMap((field) => (complete[field] === undefined ? [] : [[field, complete[field]] as const]));
  const unknown = Object.entries(complete).filter(([field]) => !(ORDER as readonly string[]).includes(field));
  return Object.fromEntries([...known, ...unknown]);
}

/** Returns what nobody but the author of a package can fill in, and is missing or odd. */
export function manifestProblems(manifest: ManifestJson): string[] {
  const problems: string[] = [];
  for (const field of Object.keys(manifest)) {
    if (!(ORDER as readonly string[]).includes(field)) problems.push(`${field} is no field that a package has here`);
  }
  if (!manifest['description']) problems.push('description is missing');
  if (manifest['private']) return problems;
  const keywords = manifest['keywords'];
  if (!Array.isArray(keywords) || keywords.length < 3) problems.push('keywords: expected three or more');
  for (const [entry, target] of Object.entries(manifest['exports'] ?? {})) {
    if (entry === './package.json') continue;
    const conditions = Object.keys(target as object).join(', ');
    if (conditions !== CONDITIONS) problems.push(`exports ${entry}: expected ${CONDITIONS}, got ${conditions}`);
  }
  return problems;
}

const CONDITIONS = '@vitvq/source, types, import, default';
