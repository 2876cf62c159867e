/**
 * `npm run check-readmes`: the programs of the root README and of every guide in `docs/guides`
 * run on the sources and print something; every published package has a README with a program,
 * which the target `check-package` runs.
 */
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstProgram } from './internal/readme.js';
import { runTypeScript } from './internal/run.js';
import { publishedPackages, repositoryRoot } from './internal/workspace.js';

const guides = await readdir(join(repositoryRoot, 'docs/guides')).catch(() => []);
const pages = ['README.md', ...guides.filter((name) => name.endsWith('.md')).map((name) => `docs/guides/${name}`)];
const problems: string[] = [];

async function checkProgram(page: string): Promise<void> {
  const program = firstProgram(await readFile(join(repositoryRoot, page), 'utf8'));
  if (!program) {
    problems.push(`${page}: no program (a block that starts with \`\`\`ts)`);
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'vitvq-readme-'));
  try {
    await symlink(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'), 'junction');
    await writeFile(join(folder, 'package.json'), '{"private":true,"type":"module"}');
    await writeFile(join(folder, 'program.ts'), program);
    const { code, stdout, stderr } = await runTypeScript('program.ts', [], { cwd: folder, timeoutSeconds: 240 });
    if (code !== 0) problems.push(`${page}: its program failed:\n${stdout}${stderr}`);
    else if (!stdout.trim()) problems.push(`${page}: its program prints nothing`);
    else console.log(`The program of ${page} printed:\n${stdout.trimEnd()}\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function checkPackageReadmes(): Promise<void> {
  for (const { folder, manifest } of publishedPackages()) {
    const text = await readFile(join(folder, 'README.md'), 'utf8').catch(() => undefined);
    if (text === undefined) problems.push(`${manifest.name}: no README.md`);
    else if (!firstProgram(text)) problems.push(`${manifest.name}: README.md has no program (a block of \`\`\`ts)`);
  }
}

for (const page of pages) await checkProgram(page);
await checkPackageReadmes();
for (const problem of problems) console.error(problem);
console.log(problems.length ? `${problems.length} problems in READMEs and guides` : 'READMEs and guides are fine');
process.exitCode = problems.length ? 1 : 0;
