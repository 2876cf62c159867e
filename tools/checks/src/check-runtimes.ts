/**
 * `npm run check-runtimes [-- --write] [NAME ...]`: small programs on packed packages, in several
 * versions of Node, in Bun and in Deno, which come from npm. What works is the table in
 * docs/what-runs-where.md; the check fails where the table says otherwise, or writes it.
 */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installTarballs, tensorflow } from './internal/install.js';
import { must, run } from './internal/run.js';
import { formatTable, replaceTable, type Outcomes } from './internal/runtime-table.js';
import { installedWith, packageNamed, repositoryRoot } from './internal/workspace.js';

/** A runtime as npm installs it. */
interface Runtime {
  readonly install: string;
  /** The command in `node_modules/.bin`, and what stands before the program. */
  readonly command: readonly [string, ...string[]];
}

const RUNTIMES: Readonly<Record<string, Runtime>> = {
  'Node 20': { install: 'node@20.20.2', command: ['node'] },
  'Node 22': { install: 'node@22', command: ['node'] },
  'Node 24': { install: 'node@24', command: ['node'] },
  Bun: { install: 'bun@1', command: ['bun', 'run'] },
  Deno: { install: 'deno@2', command: ['deno', 'run', '-A', '--node-modules-dir=manual'] },
};

/** What is tried, and the program in `tools/checks/runtime` that tries it. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'a tokenizer trains, on the `cpu` backend of TensorFlow.js': 'models.mjs',
  'model folders are written and read': 'files.mjs',
  'functions are compiled and run by ONNX Runtime': 'engine.mjs',
  '`require("@vitvq/…")`': 'require.cjs',
};

const args = process.argv.slice(2);
const wanted = args.filter((name) => !name.startsWith('--'));
const temporary = await mkdtemp(join(tmpdir(), 'vitvq-runtimes-'));
try {
  const project = join(temporary, 'project');
  await cp(join(repositoryRoot, 'tools/checks/runtime'), project, { recursive: true });
  const packages = ['tokenizer', 'losses', 'optim', 'engine'].flatMap((name) => installedWith(packageNamed(name)));
  await installTarballs(project, [...new Set(packages)], [tensorflow()]);

  const outcomes: Record<string, Outcomes> = {};
  for (const [name, { install, command }] of Object.entries(RUNTIMES)) {
    if (wanted.length && !wanted.includes(name)) continue;
    const folder = join(temporary, name.replace(' ', '-'));
    await mkdir(folder);
    // The packages of the runtimes are made of their scripts, which fetch the program.
    const flags = [
      '--ignore-scripts=false',
      '--no-save',
      '--no-package-lock',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    ];
    must(
      `npm install ${install}`,
      await run('npm', ['install', '--prefix', folder, ...flags, install], { cwd: folder }),
    );
    const [program, ...rest] = command;
    const executable = join(folder, 'node_modules/.bin', program);
    const version = must('--version', await run(executable, ['--version'], { cwd: folder }));
    console.log(`${name}: ${version.trim().split('\n')[0]!}`);
    const found: Record<string, boolean> = {};
    for (const [title, file] of Object.entries(PROGRAMS)) {
      const { code, stderr, stdout } = await run(executable, [...rest, file], { cwd: project, timeoutSeconds: 120 });
      found[title] = code === 0;
      console.log(`  ${code === 0 ? 'yes' : 'no '} ${title}`);
      if (code !== 0) console.log((stderr || stdout).trim().split('\n').slice(0, 8).join('\n'));
    }
    outcomes[name] = found;
  }

  const file = join(repositoryRoot, 'docs/what-runs-where.md');
  const page = await readFile(file, 'utf8');
  if (wanted.length) console.log('Only some were tried: the table was not compared.');
  else {
    const updated = replaceTable(page, formatTable(outcomes));
    if (args.includes('--write')) await writeFile(file, updated);
    else if (updated !== page) {
      console.error('docs/what-runs-where.md: its table says otherwise. Run npm run check-runtimes -- --write.');
      process.exitCode = 1;
    }
  }
} finally {
  await rm(temporary, { recursive: true, force: true });
}
