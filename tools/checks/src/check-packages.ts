/**
 * `npm run check-packages [-- name ...]`: what users get. Packs every published package once, then for each: what the
 * tarball holds, publint, attw, an installation in an empty folder (the tarball, the tarballs of its own @vitvq
 * dependencies, and @tensorflow/tfjs), an import that writes nothing to standard error, and the first program of its
 * README, which must type-check, run and print something.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { firstProgram } from './internal/readme.js';
import { run, runTypeScript, type Finished } from './internal/run.js';
import { readManifest, repositoryRoot, workspaces, type Workspace } from './internal/workspace.js';

/** An entry of `npm pack --json`, as far as it matters here. */
interface Packed {
  readonly name: string;
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

class CheckError extends Error {}

const tools = join(repositoryRoot, 'node_modules');
const tfjs = `@tensorflow/tfjs@${readManifest(join(tools, '@tensorflow/tfjs')).version}`;
const REQUIRED_FILES = ['LICENSE', 'README.md', 'dist/index.js', 'dist/index.d.ts', 'package.json'];
const SHIPPED = /^(dist|src)\/|^(LICENSE|README\.md|CHANGELOG\.md|package\.json)$/;

const published = workspaces('packages').filter(({ manifest }) => !manifest.private);
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !published.some(({ folder }) => basename(folder) === name));
if (unknown.length) throw new Error(`check-packages: expected names of packages, got ${unknown.join(', ')}.`);

function must(what: string, { code, stdout, stderr }: Finished): string {
  if (code !== 0) throw new CheckError(`${what}:\n${stdout}${stderr}`);
  return stdout;
}

async function pack(names: Iterable<string>, destination: string): Promise<Map<string, Packed>> {
  const args = [...names].flatMap((name) => ['-w', name]);
  const packing = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', destination, ...args], {
    cwd: repositoryRoot,
  });
  const answer = JSON.parse(must('npm pack', packing)) as Packed[] | Record<string, Packed>;
  return new Map(Object.values(answer).map((packed) => [packed.name, packed]));
}

/** The package and the packages of ours that it needs, directly or through others. */
function withDependencies(name: string, found = new Set<string>()): Set<string> {
  if (found.has(name)) return found;
  found.add(name);
  const dependencies = published.find(({ manifest }) => manifest.name === name)?.manifest.dependencies ?? {};
  for (const dependency of Object.keys(dependencies)) {
    if (dependency.startsWith('@vitvq/')) withDependencies(dependency, found);
  }
  return found;
}

async function checkTarball(tarball: string, { files }: Packed): Promise<void> {
  const paths = files.map(({ path }) => path);
  const missing = REQUIRED_FILES.filter((path) => !paths.includes(path));
  if (missing.length) throw new CheckError(`the tarball lacks ${missing.join(', ')}`);
  const extra = paths.filter((path) => !SHIPPED.test(path));
  if (extra.length) throw new CheckError(`the tarball holds ${extra.join(', ')}`);
  const cwd = repositoryRoot;
  must('publint', await run(process.execPath, [join(tools, 'publint/src/cli.js'), tarball, '--strict'], { cwd }));
  must('attw', await run(join(tools, '.bin/attw'), [tarball, '--profile', 'esm-only', '--no-color'], { cwd }));
}

async function install(folder: string, name: string, tarballs: ReadonlyMap<string, string>): Promise<void> {
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  const needed = [...withDependencies(name)].map((dependency) => {
    const tarball = tarballs.get(dependency);
    if (!tarball) throw new CheckError(`depends on ${dependency}, which is not published`);
    return tarball;
  });
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  must(
    'npm install of the tarball',
    await run('npm', ['install', ...flags, ...needed, tfjs], {
      cwd: folder,
      // onnxruntime-node's install script fetches CUDA files; what it needs on the CPU is in the package.
      env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
    }),
  );
}

async function checkInstalled(folder: string, { folder: source, manifest }: Workspace): Promise<void> {
  const program = `const m = await import('${manifest.name}'); if (!Object.keys(m).length) throw new Error('no exports');`;
  const imported = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: folder });
  must('import', imported);
  if (imported.stderr || imported.stdout)
    throw new CheckError(`importing it prints:\n${imported.stdout}${imported.stderr}`);

  const readme = firstProgram(await readFile(join(source, 'README.md'), 'utf8'));
  if (!readme) throw new CheckError('README.md has no program (a block that starts with ```ts)');
  await writeFile(join(folder, 'program.ts'), readme);
  const strict = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2023', '--module', 'nodenext'];
  const nodeTypes = ['--typeRoots', join(tools, '@types'), '--types', 'node'];
  const compiler = [join(tools, 'typescript/bin/tsc'), ...strict, ...nodeTypes, 'program.ts'];
  must("the README's program has type errors", await run(process.execPath, compiler, { cwd: folder }));
  const running = await runTypeScript('program.ts', [], { cwd: folder, timeoutSeconds: 120 });
  if (!must("the README's program failed", running).trim()) throw new CheckError("the README's program prints nothing");
}

async function check(workspace: Workspace, packed: Packed, folder: string, tarballs: ReadonlyMap<string, string>) {
  const { name } = workspace.manifest;
  await checkTarball(tarballs.get(name)!, packed);
  await install(folder, name, tarballs);
  await checkInstalled(folder, workspace);
}

const temporary = await mkdtemp(join(tmpdir(), 'vitvq-packages-'));
try {
  const queue = published.filter(({ folder }) => !wanted.length || wanted.includes(basename(folder)));
  const packs = await pack(new Set(queue.flatMap(({ manifest }) => [...withDependencies(manifest.name)])), temporary);
  const tarballs = new Map([...packs].map(([name, { filename }]) => [name, join(temporary, filename)]));
  let failed = 0;

  const worker = async () => {
    for (let workspace = queue.shift(); workspace; workspace = queue.shift()) {
      const started = performance.now();
      const { name } = workspace.manifest;
      const packed = packs.get(name)!;
      const folder = join(temporary, basename(workspace.folder));
      const problem = await check(workspace, packed, folder, tarballs).catch((error: unknown) => {
        if (error instanceof CheckError) return error.message;
        throw error;
      });
      await rm(folder, { recursive: true, force: true });
      const seconds = ((performance.now() - started) / 1000).toFixed(0);
      if (problem) failed++;
      console.log(
        problem
          ? `✗ ${name}: ${problem.trimEnd()}`
          : `✓ ${name} ${workspace.manifest.version}, ${(packed.size / 1024).toFixed(0)} kB packed (${seconds} s)`,
      );
    }
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker));
  process.exitCode = failed ? 1 : 0;
} finally {
  await rm(temporary, { recursive: true, force: true });
}
