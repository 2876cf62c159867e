import { spawn } from 'node:child_process';

/** What is known of a program that has ended. */
export interface Finished {
  /** Exit code; 1 where a signal or the time limit ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of {@link run}. */
export interface RunOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** @default 300 */
  readonly timeoutSeconds?: number;
}

/**
 * Runs a program to its end without standard input. An exit code other than 0 is a result, not an
 * exception.
 */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<Finished> {
  const { cwd, env = process.env, timeoutSeconds = 300 } = options;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutSeconds * 1000,
      killSignal: 'SIGKILL',
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    const finish = (code: number, note = '') => {
      resolve({
        code,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString() + note,
      });
    };
    child.on('error', (error) => {
      finish(1, `${command} did not start: ${error.message}\n`);
    });
    child.on('close', (code, signal) => {
      finish(code ?? 1, signal ? `${command} was ended by ${signal} (limit ${timeoutSeconds} s)\n` : '');
    });
  });
}

/**
 * Options of Node for a TypeScript program, whatever folder it lies in: it runs on the sources of
 * our packages, or where `VITVQ_BUILT` is set, as in CI, on what was built of them, which starts
 * faster and is what users get.
 */
export const programOptions: readonly string[] = [
  '--import',
  import.meta.resolve('tsx'),
  ...(process.env['VITVQ_BUILT'] ? [] : ['--conditions=@vitvq/source']),
];

/** Runs a TypeScript program, see {@link programOptions}. */
export function runTypeScript(file: string, args: readonly string[], options: RunOptions): Promise<Finished> {
  return run(process.execPath, [...programOptions, file, ...args], options);
}

/** A check that has failed; the message is all that there is to say. */
export class CheckError extends Error {}

/** Returns what a program printed, and throws if it did not end well. */
export function must(what: string, { code, stdout, stderr }: Finished): string {
  if (code !== 0) throw new CheckError(`${what}:\n${stdout}${stderr}`);
  return stdout;
}
