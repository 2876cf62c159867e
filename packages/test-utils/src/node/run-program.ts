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
 * Options of Node for a program in TypeScript: it runs on the sources of our packages, or where
 * `VITVQ_BUILT` is set, as in CI, on what was built of them, which starts faster and is what users
 * get.
 */
export const programOptions: readonly string[] = [
  '--import',
  'tsx',
  ...(process.env['VITVQ_BUILT'] ? [] : ['--conditions=@vitvq/source']),
];

/**
 * Options of Node for a program in JavaScript that follows them as `-e PROGRAM` and imports our
 * packages by name: on what was built of them it needs no loader, and starts in a third of the
 * time.
 */
export const scriptOptions: readonly string[] = [
  '--input-type=module',
  ...(process.env['VITVQ_BUILT'] ? [] : programOptions),
];

/**
 * Runs a program in TypeScript, see {@link programOptions}.
 * @param program  file of its main module
 * @param end  sends it a signal, once, when its output holds a text
 */
export async function runProgram(
  program: string,
  argv: readonly string[],
  end?: { readonly at: string; readonly signal: NodeJS.Signals },
): Promise<ProgramEnding> {
  const child = spawn(process.execPath, [...programOptions, program, ...argv]);
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
