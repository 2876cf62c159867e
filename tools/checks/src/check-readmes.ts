/**
 * `npm run check-readmes`: the program of the root README runs on the packages as built here and prints something; every
 * published package has a README with a program (`npm run check-packages` runs those); no Markdown link leads nowhere.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { firstProgram, localLinks } from './internal/readme.js';
import { run, runTypeScript } from './internal/run.js';
import { repositoryRoot, workspaces } from './internal/workspace.js';

const problems: string[] = [];

async function checkRootProgram(): Promise<void> {
  const program = firstProgram(await readFile(join(repositoryRoot, 'README.md'), 'utf8'));
  if (!program) {
    problems.push('README.md: no program (a block that starts with ```ts)');
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'vitvq-readme-'));
  try {
    await symlink(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'), 'junction');
    await writeFile(join(folder, 'package.json'), '{"private":true,"type":"module"}');
    await writeFile(join(folder, 'program.ts'), program);
    const { code, stdout, stderr } = await runTypeScript('program.ts', [], { cwd: folder, timeoutSeconds: 120 });
    if (code !== 0) problems.push(`README.md: its program failed:\n${stdout}${stderr}`);
    else if (!stdout.trim()) problems.push('README.md: its program prints nothing');
    else console.log(`The program of README.md printed:\n${stdout.trimEnd()}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function checkPackageReadmes(): Promise<void> {
  for (const { folder, manifest } of workspaces('packages')) {
    if (manifest.private) continue;
    const file = join(folder, 'README.md');
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text === undefined) problems.push(`${manifest.name}: no README.md`);
    else if (!firstProgram(text)) problems.push(`${manifest.name}: README.md has no program (a block of \`\`\`ts)`);
  }
}

async function checkLinks(): Promise<void> {
  const listed = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'], {
    cwd: repositoryRoot,
  });
  for (const name of listed.stdout.split('\0').filter(Boolean)) {
    const file = join(repositoryRoot, name);
    if (!existsSync(file)) continue;
    for (const link of localLinks(await readFile(file, 'utf8'))) {
      const target = link.startsWith('/') ? join(repositoryRoot, link) : join(dirname(file), decodeURI(link));
      if (!existsSync(target)) problems.push(`${name}: ${relative(repositoryRoot, target)} does not exist`);
    }
  }
}

await checkRootProgram();
await checkPackageReadmes();
await checkLinks();
for (const problem of problems) console.error(problem);
console.log(problems.length ? `${problems.length} problems in READMEs` : 'The READMEs are fine');
process.exitCode = problems.length ? 1 : 0;
