import { spawn, type SpawnOptions } from 'node:child_process';

/** Error of a program that could not be started, or that ended with another code than 0. */
export class ProgramError extends Error {
  /** Whether there is no such program. */
  readonly isMissing: boolean;
  /** How it ended: `code 1`, or the name of a signal. */
  readonly ending: string;
  /** The end of what it wrote to its standard error. */
  readonly complaints: string;

  constructor(command: string, facts: Pick<ProgramError, 'isMissing' | 'ending' | 'complaints'>, cause?: unknown) {
    super(
      facts.isMissing
        ? `${command} was not found`
        : `${command} ended with ${facts.ending}: ${lastLines(facts.complaints)}`,
      { cause },
    );
    ({ isMissing: this.isMissing, ending: this.ending, complaints: this.complaints } = facts);
  }
}

/**
 * Runs a program to its end, without input, and returns what it printed.
 * @throws {ProgramError} with the end of what it complained of
 * @throws {Error} when it could not be started for another reason than that it is missing, and when
 *   it was aborted
 */
export function runProgram(
  command: string,
  args: readonly string[],
  options: Pick<SpawnOptions, 'cwd' | 'env' | 'signal'> = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
    let output = '';
    let complaints = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints = (complaints + text).slice(-4000)));
    child.on('error', (error: NodeJS.ErrnoException) => {
      const facts = { isMissing: true, ending: '', complaints };
      reject(error.code === 'ENOENT' ? new ProgramError(command, facts, error) : error);
    });
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output);
      else reject(new ProgramError(command, { isMissing: false, ending: signal ?? `code ${code}`, complaints }));
    });
  });
}

/** Returns the end of what a program complained of, in one line. */
function lastLines(complaints: string): string {
  const lines = complaints.split('\n').flatMap((line) => line.trim() || []);
  return lines.slice(-4).join('; ') || 'no message';
}
