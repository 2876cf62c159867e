import { expect, it } from 'vitest';
import { ProgramError, runProgram } from '../src/index.js';

const run = (program: string, options = {}): Promise<string> => runProgram(process.execPath, ['-e', program], options);

it('returns what a program prints', async () => {
  const env = { ...process.env, GREETING: 'hello' };
  expect(await run('process.stdout.write(process.env.GREETING)', { env })).toBe('hello');
});

it('tells how a program ended, and what it complained of at last', async () => {
  const failure = run('for (const line of [1, 2, 3, 4, 5]) console.error(line); process.exit(3)');
  await expect(failure).rejects.toThrow(/ ended with code 3: 2; 3; 4; 5$/);
  await expect(failure).rejects.toMatchObject({ isMissing: false, ending: 'code 3', complaints: '1\n2\n3\n4\n5\n' });
  await expect(run("process.kill(process.pid, 'SIGKILL')")).rejects.toThrow(/ ended with SIGKILL: no message$/);
});

it('tells of a program that is not there', async () => {
  const failure = runProgram('no-program-has-this-name', []);
  await expect(failure).rejects.toThrow(ProgramError);
  await expect(failure).rejects.toThrow('no-program-has-this-name was not found');
});

it('ends a program that is aborted', async () => {
  const controller = new AbortController();
  const failure = run('setTimeout(() => {}, 60_000)', { signal: controller.signal });
  controller.abort();
  await expect(failure).rejects.toMatchObject({ name: 'AbortError' });
});
