/**
 * `npm run check-forbidden`: no machine paths, registry addresses or credentials in any file that
 * git tracks or would.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findForbidden } from './internal/forbidden.js';
import { run } from './internal/run.js';
import { repositoryRoot } from './internal/workspace.js';

const listed = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: repositoryRoot,
});
if (listed.code !== 0) throw new Error(`git ls-files: ${listed.stderr}`);
// Text that shows what the check finds is allowed in its own tests only.
const files = listed.stdout.split('\0').filter((file) => file && file !== 'tools/checks/test/forbidden.test.ts');

let problems = 0;
for (const file of files) {
  const content = await readFile(join(repositoryRoot, file)).catch(() => Buffer.alloc(0)); // Deleted, not yet committed.
  if (content.includes(0)) continue; // Binary.
  for (const { line, text, reason } of findForbidden(content.toString())) {
    problems++;
    console.error(`${file}:${line}: ${text} (${reason})`);
  }
}
console.log(problems ? `${problems} forbidden places` : `${files.length} files, nothing forbidden`);
process.exitCode = problems ? 1 : 0;
