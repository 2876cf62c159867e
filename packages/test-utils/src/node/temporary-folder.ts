import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';

/**
 * Vitest's `it` with the fixture `temporaryFolder`: the path of an empty folder for one test,
 * removed after the test. Hooks get the same folder from
 * `it.beforeEach(({ temporaryFolder }) => ...)`.
 */
export const it = test.extend('temporaryFolder', async ({}, { onCleanup }) => {
  const folder = await mkdtemp(join(tmpdir(), 'vitvq-test-'));
  onCleanup(() => rm(folder, { recursive: true, force: true }));
  return folder;
});
