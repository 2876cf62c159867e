import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import { it } from '../src/node/index.js';

const config = fileURLToPath(new URL('../../../vitest.config.base.ts', import.meta.url));
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');

const tests = `
  describe.skipIf(process.env.IS_MISSING)('what needs a tool', () => it('works', () => {}));
  describe.skip('what needs the engine pjrt', () => it('works', () => {}));
  it('works without', () => {});`;

// Another root has another lock file, for which the modules that packages share would be deleted.
const options = ['--globals', '--experimental.fsModuleCache=false'];

describe.skipIf(process.platform !== 'linux')('a run in CI', () => {
  it('fails when tests were skipped for what is missing, and names them', async ({ temporaryFolder }) => {
    await mkdir(join(temporaryFolder, 'test'));
    await writeFile(join(temporaryFolder, 'test/some.test.ts'), tests);
    const run = (environment: Readonly<Record<string, string>>) =>
      spawnSync(process.execPath, [vitest, 'run', '--config', config, '--root', temporaryFolder, ...options], {
        encoding: 'utf8',
        cwd: temporaryFolder,
        env: { ...process.env, CI: '', GITHUB_ACTIONS: '', IS_MISSING: '', ...environment },
      });
    const { status, stderr } = run({ CI: 'true', IS_MISSING: 'true' });
    expect(stderr).toContain(
      'In CI no test may be skipped. Install what these need:\n  test/some.test.ts > what needs a tool > works\n',
    );
    expect(stderr).not.toContain('pjrt'); // a step of its own tests that engine
    expect(status).toBe(1);
    expect(run({ CI: 'true' }).status).toBe(0);
    expect(run({ IS_MISSING: 'true' }).status).toBe(0);
  });
});
