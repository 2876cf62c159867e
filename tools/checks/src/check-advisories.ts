/**
 * `npm run check-advisories`: asks the registry which packages that users install have a known
 * vulnerability of high severity. Passes with a notice where the registry does not answer such
 * questions: a mirror, no network.
 */
import { judgeAudit } from './internal/advisories.js';
import { run } from './internal/run.js';
import { repositoryRoot } from './internal/workspace.js';

const { stdout, stderr } = await run('npm', ['audit', '--json', '--omit=dev'], {
  cwd: repositoryRoot,
  timeoutSeconds: 120,
});
const { passes, message } = judgeAudit(stdout, stderr);
console.log(message);
if (!passes) process.exitCode = 1;
