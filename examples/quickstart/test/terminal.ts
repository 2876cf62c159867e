import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { latestCheckpoint, readCheckpointState } from '@vitvq/checkpoint';
import { shellCommand } from '@vitvq/run';
import { readTrainingLog } from '@vitvq/training';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Whether this machine has the `script` of util-linux, which gives a program a terminal. */
export const hasTerminal =
  process.platform === 'linux' &&
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux');

/** What pressing Ctrl-C, or closing the terminal, came to. */
export interface Stop {
  /** Exit code of the command; undefined where its terminal was closed. */
  readonly code: number | undefined;
  /** Milliseconds until the program said that it saves; undefined where it did not. */
  readonly saidAfter: number | undefined;
  /** Milliseconds until the program was gone. */
  readonly endedAfter: number;
  /** What the terminal showed of the training just before. */
  readonly during: string;
  /** Steps of the log. */
  readonly steps: number;
  /** Step of the newest checkpoint; undefined without one. */
  readonly savedStep: number | undefined;
}

/**
 * Runs `npm run quickstart` in a terminal of its own and ends it some time after its training
 * began.
 * @param out folder of the run
 * @param argv further options
 */
export async function stopInTerminal(
  out: string,
  argv: readonly string[],
  { how, milliseconds }: { readonly how: 'Ctrl-C' | 'closed'; readonly milliseconds: number },
): Promise<Stop> {
  const command = shellCommand(['npm', 'run', 'quickstart', '--', '--out', out, ...argv]);
  const terminal = spawn('script', ['-qfec', command, '/dev/null'], {
    cwd: root,
    env: { ...process.env, SHELL: '/bin/sh', npm_config_update_notifier: 'false' },
  });
  const closed = once(terminal, 'close') as Promise<[number | null]>;
  let output = '';
  terminal.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  try {
    await shown(
      terminal,
      () => output.includes('compiling the training step'),
      () => output,
    );
    await setTimeout(milliseconds);
    const during = [...output.matchAll(/step \d+(?=\/)/g)].at(-1)?.[0] ?? 'compiling';
    const before = output.length;
    const start = performance.now();
    let saidAfter: number | undefined;
    terminal.stdout.on('data', () => {
      if (output.slice(before).includes('Ctrl-C: saving, then stopping.')) saidAfter ??= performance.now() - start;
    });
    let code: number | undefined;
    if (how === 'Ctrl-C') {
      terminal.stdin.write('\x03');
      code = (await closed)[0] ?? undefined;
    } else {
      terminal.kill('SIGKILL');
      while (await isRunning(out)) await setTimeout(50);
    }
    const endedAfter = performance.now() - start;
    return { code, saidAfter, endedAfter, during, ...(await savedIn(join(out, 'tokenizer'))) };
  } finally {
    terminal.kill('SIGKILL');
  }
}

/** Waits for what a terminal shows. @throws what it showed, if its program ended before */
async function shown(
  terminal: ChildProcessWithoutNullStreams,
  isShown: () => boolean,
  output: () => string,
): Promise<void> {
  while (!isShown()) {
    if (terminal.exitCode !== null) throw new Error(`the program has ended:\n${output()}`);
    await setTimeout(10);
  }
}

/** Returns whether a process whose command line holds a text is alive. */
async function isRunning(text: string): Promise<boolean> {
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const commands = processes.map((name) => readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => ''));
  return (await Promise.all(commands)).some((command) => command.includes(text));
}

async function savedIn(directory: string): Promise<Pick<Stop, 'steps' | 'savedStep'>> {
  const log = await readTrainingLog(directory).catch(() => []);
  const newest = await latestCheckpoint(directory);
  return {
    steps: log.filter(({ event }) => event === 'step').length,
    savedStep: newest === undefined ? undefined : (await readCheckpointState(newest)).step,
  };
}
