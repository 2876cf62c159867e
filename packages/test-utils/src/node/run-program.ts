import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** How a program of ours ended. */
export interface ProgramEnding {
  /** Null for a program that a signal ended. */
  readonly code: number | null;
  /** Standard output and standard error. */
  readonly output: string;
}

/**
 * Runs a program from its sources.
 * @param program  file of its main module
 * @param end  sends it a signal, once, when its output holds a text
 */
export async function runProgram(
  program: string,
  argv: readonly string[],
  end?: { readonly at: string; readonly signal: NodeJS.Signals },
): Promise<ProgramEnding> {
  const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=@vitvq/source', program, ...argv]);
  let output = '';
  let isSent = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (!end || isSent || !output.includes(end.at)) return;
      isSent = true;
      child.kill(end.signal);
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}
