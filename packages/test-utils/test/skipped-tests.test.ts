import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { it } from '../src/node/index.js';

const config = fileURLToPath(new URL('../../../vitest.config.base.ts', import.meta.url));
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');

it.skipIf(process.platform !== 'linux')(
  'fails a run in CI of which tests were skipped, naming them',
  async ({ temporaryFolder }) => {
    await mkdir(join(temporaryFolder, 'test'));
    await writeFile(
      join(temporaryFolder, 'test/some.test.ts'),
      `describe.skipIf(true)('what needs a tool', () => it('works', () => {}));
     it('works without', () => {});`,
    );
    const run = (environment: Readonly<Record<string, string>>) =>
      spawnSync(process.execPath, [vitest, 'run', '--config', config, '--root', temporaryFolder, '--globals'], {
        encoding: 'utf8',
        env: { ...process.env, CI: '', GITHUB_ACTIONS: '', ...environment },
      });
    expect(run({}).status).toBe(0);
    const { status, stderr } = run({ CI: 'true' });
    expect(stderr).toContain(
      'In CI no test may be skipped. Install what these need:\n  test/some.test.ts > what needs a tool > works\n',
    );
    expect(status).toBe(1);
  },
);
