/**
 * Which package may import which; docs/architecture.md holds a drawing of this table. A package
 * that is not in the table may import nothing of ours. `npm run boundaries` fails on anything else,
 * and on cycles.
 */
export const mayImport = {
  core: [],
  files: ['core'],
  engine: ['core', 'files', 'cluster'],
  layers: ['core'],
  quantizers: ['core', 'layers'],
  losses: ['core', 'layers'],
  discriminator: ['core', 'layers'],
  optim: ['core'],
  cluster: ['core'],
  data: ['core', 'files'],
  checkpoint: ['core', 'files'],
  report: ['core', 'files'],
  tensorboard: ['core', 'files'],
  'test-utils': ['core'],
  tokenizer: ['core', 'layers', 'losses', 'quantizers'],
  'tokenizer/node': ['core', 'checkpoint', 'quantizers'],
  transformers: ['core', 'layers'],
  'transformers/node': ['core', 'checkpoint'],
  classifier: ['core', 'layers'],
  'classifier/node': ['core', 'checkpoint'],
  sampling: ['core', 'engine', 'layers', 'transformers'],
  codes: ['core', 'files', 'engine', 'layers', 'checkpoint', 'transformers'],
  evaluation: ['core', 'files', 'engine', 'layers', 'checkpoint', 'losses', 'quantizers', 'optim'],
  training: ['core', 'files', 'engine', 'optim', 'checkpoint', 'tensorboard'],
  'stage1-trainer': [
    'core',
    'engine',
    'layers',
    'discriminator',
    'losses',
    'quantizers',
    'optim',
    'checkpoint',
    'tokenizer',
    'evaluation',
    'training',
  ],
  'stage2-trainer': [
    'core',
    'engine',
    'layers',
    'losses',
    'optim',
    'checkpoint',
    'transformers',
    'sampling',
    'training',
  ],
  'linear-probe': ['core', 'engine'],
  'classifier-trainer': ['core', 'engine', 'losses', 'training', 'linear-probe'],
  export: ['core', 'files', 'engine', 'evaluation', 'layers', 'tokenizer', 'transformers', 'sampling'],
  run: [
    'core',
    'files',
    'cluster',
    'engine',
    'quantizers',
    'data',
    'checkpoint',
    'report',
    'tokenizer',
    'transformers',
    'classifier',
    'sampling',
    'codes',
    'evaluation',
    'training',
    'stage1-trainer',
    'stage2-trainer',
    'classifier-trainer',
    'linear-probe',
  ],
  cli: ['core', 'files', 'engine', 'data', 'checkpoint', 'tokenizer', 'transformers', 'export', 'evaluation', 'run'],
  'test-models': [
    'core',
    'evaluation',
    'layers',
    'quantizers',
    'tokenizer',
    'transformers',
    'codes',
    'training',
    'stage1-trainer',
    'stage2-trainer',
  ],
};

/** A package is reached by its name, or by a path once the name is resolved; both count. */
const anyOf = (names) => `^(packages/(${names.join('|')})/|@vitvq/(${names.join('|')})(/|$))`;
const ours = '^((packages|examples|tools)/|@vitvq(-tools)?/)';
/**
 * Returns the pattern of the files that a row is about. A row `name/node` is about the folder of a
 * package that only Node runs; the package's own row is about the rest.
 */
const sources = (name) => `^packages/${name.replace('/', '/src/')}/${name.includes('/') ? '' : '(src|bin)/'}`;
const sourcesApart = (name) =>
  Object.keys(mayImport)
    .filter((row) => row.startsWith(`${name}/`))
    .map(sources);

const layering = Object.entries(mayImport).map(([name, allowed]) => ({
  name: `${name.replace('/', '-')}-imports-point-down`,
  comment: `${name} may import ${allowed.length ? allowed.join(', ') : 'nothing of ours'}.`,
  severity: 'error',
  from: { path: sources(name), pathNot: sourcesApart(name) },
  to: { path: ours, pathNot: anyOf([name.split('/')[0], ...allowed]) },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...layering,
    {
      name: 'package-without-a-rule',
      comment: 'Give a new package its line in `mayImport`.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: anyOf(Object.keys(mayImport)) },
      to: { path: ours },
    },
    {
      name: 'nobody-imports-examples',
      comment: 'Examples are read, not imported; what their programs share is in examples/shared, which tools may use.',
      severity: 'error',
      from: { pathNot: '^examples/' },
      to: { path: '^(examples/|@vitvq/example-)', pathNot: '^(examples/shared/|@vitvq/example-shared$)' },
    },
    {
      name: 'nobody-imports-tools',
      severity: 'error',
      from: { pathNot: '^tools/' },
      to: { path: '^(tools|@vitvq-tools)/' },
    },
    {
      name: 'examples-and-tools-stand-alone',
      comment: 'One example does not import another; the same holds for tools.',
      severity: 'error',
      from: { path: '^(examples|tools)/([^/]+)/' },
      to: { path: '^(examples|tools)/', pathNot: ['^$1/$2/', '^examples/shared/'] },
    },
    {
      name: 'packages-by-name',
      comment: 'Another package is imported by its name, never by a path into its folder.',
      severity: 'error',
      from: { path: '^(packages|examples|tools)/([^/]+)/' },
      to: { path: '^packages/[^/]+/', pathNot: '^$1/$2/', dependencyTypesNot: ['aliased-workspace'] },
    },
    {
      name: 'no-deep-imports',
      comment: 'What `exports` of its package.json names is the package; nothing below it is.',
      severity: 'error',
      from: {},
      to: { path: '^@vitvq/[^/]+/(?!package[.]json|node$|install$|memory$|onnx-export$)' },
    },
    {
      name: 'test-utils-in-tests-only',
      severity: 'error',
      from: { path: '^(packages|examples|tools)/', pathNot: '/test/|^packages/test-utils/' },
      to: { path: anyOf(['test-utils']) },
    },
    {
      name: 'sources-do-not-import-tests',
      severity: 'error',
      from: { path: '/src/' },
      to: { path: '^(packages|examples|tools)/[^/]+/test/' },
    },
    {
      name: 'no-cycles',
      comment: 'Types may refer to each other; code may not.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules|/dist/' },
    exclude: { path: '(^|/)(node_modules/(?!@vitvq/)|coverage/|[.]nx/)' },
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'default'] },
  },
};
