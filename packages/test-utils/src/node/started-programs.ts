import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { programOptions } from './run-program.js';

/** A program that runs. */
export interface StartedProgram {
  readonly child: ChildProcess;
  /** Resolves once the program has printed a text; rejects when it ends without. */
  printed(text: string): Promise<void>;
  /**
   * Resolves when the program has ended, with its exit code (null after a signal), everything that
   * it printed, and the time by `performance.now()`.
   */
  readonly ended: Promise<{ readonly code: number | null; readonly output: string; readonly at: number }>;
}

const started = new Set<ChildProcess>();

/**
 * Starts a program in TypeScript, see {@link programOptions}.
 * @param environment  variables beside those of this process
 */
export function startProgram(
  program: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): StartedProgram {
  const child = spawn(process.execPath, [...programOptions, program, ...argv], {
    env: { ...process.env, ...environment },
  });
  started.add(child);
  let output = '';
  const wanted: { readonly text: string; readonly resolve: () => void }[] = [];
  const look = (): void => wanted.filter(({ text }) => output.includes(text)).forEach(({ resolve }) => resolve());
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      look();
    });
  }
  const ended = once(child, 'close').then(([code]) => {
    started.delete(child);
    return { code: code as number | null, output, at: performance.now() };
  });
  const printed = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      wanted.push({ text, resolve });
      look();
      void ended.then(({ output: all }) => reject(new Error(`the program ended without "${text}": ${all}`)));
    });
  return { child, printed, ended };
}

/** Kills what {@link startProgram} has started and is still there: after a test that failed. */
export function killStartedPrograms(): void {
  for (const child of started) child.kill('SIGKILL');
  started.clear();
}

/** Returns a port of this host on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
