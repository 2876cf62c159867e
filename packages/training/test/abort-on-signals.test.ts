import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';

const begin = `
  import { writeFileSync, writeSync } from 'node:fs';
  import { setTimeout as delay } from 'node:timers/promises';
  import { abortOnSignals } from ${JSON.stringify(new URL('../src/abort-on-signals.ts', import.meta.url).href)};
  const say = (line) => writeSync(1, line + '\\n');
  const alive = setInterval(() => undefined, 1000);
`;

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program and does what belongs to each line that it prints.
 * @param on by line
 */
async function run(
  program: string,
  on: Readonly<Record<string, (child: ChildProcessWithoutNullStreams) => void>>,
  ...argv: string[]
): Promise<Ending> {
  const options = ['--import', 'tsx', '--conditions=@vitvq/source', '--input-type=module', '-e'];
  const child = spawn(process.execPath, [...options, `${begin}${program}`, ...argv]);
  let [stdout, stderr, done] = ['', '', 0];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    const lines = stdout.split('\n').slice(0, -1);
    for (const line of lines.slice(done)) on[line]?.(child);
    done = lines.length;
  });
  child.stderr.on('data', (chunk: Buffer) => void (stderr += chunk.toString()));
  // Not `close`: a test may close what the program writes to.
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

const saving = 'saving, then stopping. Ctrl-C again ends at once.\n';

describe.skipIf(process.platform === 'win32')('abortOnSignals', () => {
  it.for([
    ['SIGINT', 'Ctrl-C'],
    ['SIGTERM', 'SIGTERM'],
    ['SIGHUP', 'SIGHUP'],
  ] as const)('aborts at %s, says so at once, and lets the program save', async ([name, title]) => {
    const program = `
      const signal = abortOnSignals({ reason: (name) => new Error('stopped by ' + name) });
      signal.addEventListener('abort', async () => {
        await delay(100);
        say(signal.reason.message + ', saved');
        clearInterval(alive);
      });
      say('ready');
    `;
    const { stdout, stderr, code } = await run(program, { ready: (child) => void child.kill(name) });
    expect(stdout).toBe(`ready\nstopped by ${name}, saved\n`);
    expect(stderr).toBe(`${title}: ${saving}`);
    expect(code).toBe(0);
  });

  it('takes a signal that comes twice at a time as one', async () => {
    const program = `
      abortOnSignals().addEventListener('abort', async () => {
        await delay(100);
        say('saved');
        clearInterval(alive);
      });
      say('ready');
    `;
    const twice = (child: ChildProcessWithoutNullStreams): void => {
      child.kill('SIGINT');
      setTimeout(() => child.kill('SIGINT'), 30);
    };
    expect(await run(program, { ready: twice })).toEqual({
      code: 0,
      signal: null,
      stdout: 'ready\nsaved\n',
      stderr: `Ctrl-C: ${saving}`,
    });
  });

  it('ends at once at another Ctrl-C, also while the thread is busy', async () => {
    const program = `
      abortOnSignals().addEventListener('abort', async () => {
        await delay(1300);
        say('busy');
        for (;;);
      });
      say('ready');
    `;
    const interrupt = (child: ChildProcessWithoutNullStreams): void => void child.kill('SIGINT');
    const { signal } = await run(program, { ready: interrupt, busy: interrupt });
    expect(signal).toBe('SIGINT');
  });

  it('does not take for another Ctrl-C what npm passed on while the thread was busy', async () => {
    const program = `
      abortOnSignals().addEventListener('abort', async () => {
        const end = performance.now() + 1500;
        await delay(1);
        say('busy');
        while (performance.now() < end);
        await delay(100);
        say('saved');
        clearInterval(alive);
      });
      say('ready');
    `;
    const interrupt = (child: ChildProcessWithoutNullStreams): void => void child.kill('SIGINT');
    const { code, stdout } = await run(program, { ready: interrupt, busy: interrupt });
    expect(stdout).toBe('ready\nbusy\nsaved\n');
    expect(code).toBe(0);
  });

  it('goes on saving when the terminal is closed after Ctrl-C', async () => {
    const program = `
      abortOnSignals().addEventListener('abort', async () => {
        await delay(1300);
        say('still saving');
        await delay(100);
        say('saved');
        clearInterval(alive);
      });
      say('ready');
    `;
    const { code, stdout } = await run(program, {
      ready: (child) => void child.kill('SIGINT'),
      'still saving': (child) => void child.kill('SIGHUP'),
    });
    expect(stdout).toBe('ready\nstill saving\nsaved\n');
    expect(code).toBe(0);
  });

  it('lets the program save where nobody reads its output any more', async ({ temporaryFolder }) => {
    const file = join(temporaryFolder, 'saved');
    const program = `
      abortOnSignals().addEventListener('abort', async () => {
        await delay(100);
        writeFileSync(process.argv[1], 'saved');
        process.exit(0);
      });
      say('ready');
      setInterval(() => {
        process.stdout.write('step\\n');
        process.stderr.write('warning\\n');
      }, 10);
    `;
    const vanish = (child: ChildProcessWithoutNullStreams): void => {
      child.stdout.destroy();
      child.stderr.destroy();
      setTimeout(() => child.kill('SIGHUP'), 100);
    };
    const { code } = await run(program, { ready: vanish }, file);
    expect(await readFile(file, 'utf8')).toBe('saved');
    expect(code).toBe(0);
  });
});
