/**
 * `nx check-package @vitvq/NAME`: what users of a package get. Looks at its tarball (contents,
 * publint, attw), puts it in a folder of its own with @tensorflow/tfjs, the tarballs of the
 * packages of ours that it needs and nothing else that they do not declare, imports it, which must
 * print nothing, and runs the first program of its README, which must have the right types and
 * print something. npm installs those packages that no other needs, with all that they need: each
 * package is among them, and unpacking the others takes a tenth of the time.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { installTarballs, unpackTarballs } from './internal/install.js';
import { firstProgram } from './internal/readme.js';
import { CheckError, must, run } from './internal/run.js';
import {
  installedWith,
  isNeeded,
  packageNamed,
  repositoryRoot,
  tarballOf,
  type Workspace,
} from './internal/workspace.js';

const tools = join(repositoryRoot, 'node_modules');
const REQUIRED_FILES = ['LICENSE', 'README.md', 'dist/index.js', 'dist/index.d.ts', 'package.json'];
const SHIPPED = /^(dist|src)\/|^(LICENSE|README\.md|CHANGELOG\.md|package\.json)$/;

async function checkTarball(tarball: string): Promise<void> {
  const cwd = repositoryRoot;
  // A colon in a path means a machine to tar.
  const listed = must('tar', await run('tar', ['-tzf', relative(cwd, tarball)], { cwd }));
  const paths = listed
    .trim()
    .split(/\r?\n/)
    .map((path) => path.replace(/^package\//, ''));
  const missing = REQUIRED_FILES.filter((path) => !paths.includes(path));
  if (missing.length) throw new CheckError(`the tarball lacks ${missing.join(', ')}`);
  const extra = paths.filter((path) => !SHIPPED.test(path));
  if (extra.length) throw new CheckError(`the tarball holds ${extra.join(', ')}`);
  must('publint', await run(process.execPath, [join(tools, 'publint/src/cli.js'), tarball, '--strict'], { cwd }));
  must('attw', await run(join(tools, '.bin/attw'), [tarball, '--profile', 'esm-only', '--no-color'], { cwd }));
}

async function checkInstalled(folder: string, { folder: source, manifest }: Workspace): Promise<void> {
  const entries = Object.keys(manifest.exports ?? {}).filter((entry) => entry !== './package.json');
  for (const entry of entries) {
    const name = join(manifest.name, entry);
    const program = `if (!Object.keys(await import('${name}')).length) throw new Error('no exports');`;
    const imported = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: folder });
    const printed = must(`import of ${name}`, imported) + imported.stderr;
    if (printed) throw new CheckError(`importing ${name} prints:\n${printed}`);
  }

  const readme = firstProgram(await readFile(join(source, 'README.md'), 'utf8'));
  if (!readme) throw new CheckError('README.md has no program (a block that starts with ```ts)');
  await writeFile(join(folder, 'program.ts'), readme);
  const strict = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2023', '--module', 'nodenext'];
  const nodeTypes = ['--typeRoots', join(tools, '@types'), '--types', 'node'];
  const tsc = join(repositoryRoot, 'tools/types/node_modules/typescript/bin/tsc');
  const compiler = [tsc, ...strict, ...nodeTypes, 'program.ts'];
  must("the README's program has type errors", await run(process.execPath, compiler, { cwd: folder }));
  // Without the condition with which our own programs run on sources.
  const words = ['--import', import.meta.resolve('tsx'), 'program.ts'];
  const running = await run(process.execPath, words, { cwd: folder, timeoutSeconds: 120 });
  if (!must("the README's program failed", running).trim()) throw new CheckError("the README's program prints nothing");
}

/**
 * Returns the package with what it needs, and with those packages that its README installs beside
 * it, as far as its tests need them too: other tarballs need not be there.
 */
async function installedAsTold(workspace: Workspace): Promise<Workspace[]> {
  const [told = ''] = /^npm install .*$/m.exec(await readFile(join(workspace.folder, 'README.md'), 'utf8')) ?? [];
  const beside = told.split(' ').filter((name) => name in (workspace.manifest.devDependencies ?? {}));
  const ours = beside.filter((name) => name.startsWith('@vitvq/')).map((name) => packageNamed(basename(name)));
  const all = [workspace, ...ours].flatMap((each) => installedWith(each));
  return [...new Map(all.map((each) => [each.folder, each])).values()];
}

const workspace = packageNamed(process.argv[2]);
const folder = await mkdtemp(join(tmpdir(), 'vitvq-package-'));
try {
  await checkTarball(tarballOf(workspace));
  const put = isNeeded(workspace) ? unpackTarballs : installTarballs;
  await put(folder, await installedAsTold(workspace));
  await checkInstalled(folder, workspace);
} catch (error) {
  if (!(error instanceof CheckError)) throw error;
  console.error(`${workspace.manifest.name}: ${error.message.trimEnd()}`);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
