import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** How a program ended. */
interface Ending {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
}

const sources = ['--import', 'tsx', '--conditions=@vitvq/source'];

/** Runs a program on our sources in a process of its own, which is killed if it hangs. */
export const runProgram = (program: string, environment: Readonly<Record<string, string>> = {}): Ending =>
  start(sources, program, environment);

/**
 * Runs a program of a user, which imports packages by name: on what was built where `VITVQ_BUILT`
 * is set, as in CI, which starts twice as fast.
 */
export const runProgramOfUser = (program: string, environment: Readonly<Record<string, string>> = {}): Ending =>
  start(process.env['VITVQ_BUILT'] ? [] : sources, program, environment);

function start(options: readonly string[], program: string, environment: Readonly<Record<string, string>>): Ending {
  const { stdout, stderr, status } = spawnSync(process.execPath, [...options, '--input-type=module', '-e', program], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, ...environment },
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  return { stdout, stderr, status };
}
