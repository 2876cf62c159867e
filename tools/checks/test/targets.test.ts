import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { repositoryRoot } from '../src/internal/workspace.js';

/** Returns the names of the targets that Nx would run for the checks of `.ci/run`'s last lanes. */
function targets(environment: NodeJS.ProcessEnv): Set<string> {
  const { VITVQ_BUILT: _, ...rest } = process.env;
  const checks = ['check-package', 'bundles', 'smoke', 'docs', 'readmes'];
  const printed = execFileSync('npx', ['nx', 'run-many', '-t', ...checks, '--graph=stdout'], {
    cwd: repositoryRoot,
    env: { ...rest, ...environment },
    maxBuffer: 2 ** 26,
  }).toString();
  const { tasks } = JSON.parse(printed) as { tasks: { tasks: Record<string, { target: { target: string } }> } };
  return new Set(Object.values(tasks.tasks).map(({ target }) => target.target));
}

describe('the targets of checks', () => {
  test('build what they pack', () => {
    expect([...targets({})]).toEqual(expect.arrayContaining(['check-package', 'bundles', 'pack', 'build']));
  });

  test('leave alone with VITVQ_BUILT what programs beside them run on', () => {
    const names = targets({ VITVQ_BUILT: '1' });
    expect([...names]).toEqual(expect.arrayContaining(['check-package', 'bundles', 'pack']));
    expect(names).not.toContain('build');
  });
});
