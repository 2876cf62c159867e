import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { randomKey, randomUniform } from '@vitvq/core';
import { hasTerminal, stopInTerminal } from './terminal.js';

// In CI a machine without terminals fails.
const isSkipped = !hasTerminal && process.env['CI'] !== 'true';
if (isSkipped) console.warn('Skipped: there is no `script` of util-linux, which gives a program a terminal.');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitvq terminal-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const argv = ['--smoke', '--minutes', '5'];

describe.skipIf(isSkipped)('npm run quickstart in a terminal', { timeout: 180_000 }, () => {
  it('saves every step on Ctrl-C, at random moments, and says so', async () => {
    for (const draw of randomUniform(randomKey(13), 3)) {
      const stop = { how: 'Ctrl-C', milliseconds: 3000 * draw } as const;
      const { code, saidAfter, steps, savedStep } = await stopInTerminal(join(folder, 'run'), argv, stop);
      expect(saidAfter).toBeDefined();
      expect(savedStep).toBe(steps);
      expect(code).toBe(130);
    }
  });

  it('saves every step when the terminal is closed', async () => {
    const stop = { how: 'closed', milliseconds: 1000 } as const;
    const { steps, savedStep } = await stopInTerminal(join(folder, 'run'), argv, stop);
    expect(savedStep).toBe(steps);
  });
});
