import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { repositoryRoot } from '../src/internal/workspace.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitvq-npmrc-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Runs npm with the `.npmrc` of the repository, without settings of whoever runs it. */
function npm(...args: string[]) {
  copyFileSync(join(repositoryRoot, '.npmrc'), join(folder, '.npmrc'));
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const own = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd: folder,
    env: {
      ...Object.fromEntries(own),
      NPM_CONFIG_USERCONFIG: join(folder, 'none'),
      NPM_CONFIG_UPDATE_NOTIFIER: 'false',
    },
    encoding: 'utf8',
  });
  return { status, stdout: stdout.trim(), stderr };
}

it('npm knows every setting of .npmrc', () => {
  expect(npm('config', 'list')).toMatchObject({ status: 0, stderr: '' });
});

it('no package runs a script when it is installed', () => {
  expect(npm('config', 'get', 'ignore-scripts')).toEqual({ status: 0, stdout: 'true', stderr: '' });
});
