import { fileURLToPath } from 'node:url';
import { runProgram } from '@vitvq/test-utils/node';
import { expect, it } from 'vitest';

// Windows has no sleep in its C library.
it.skipIf(process.platform === 'win32')('a process ends without a thread that never comes back', async () => {
  const started = performance.now();
  const { code, output } = await runProgram(fileURLToPath(new URL('programs/hang.ts', import.meta.url)), []);
  expect(output).toBe('went on\n');
  expect(code).toBeNull(); // by a signal: nothing else ends it
  expect(performance.now() - started).toBeLessThan(50_000); // the call takes a minute
});
