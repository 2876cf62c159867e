import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BlockFigures, OutOfReach } from './results.js';

/** What one measurement may take before it is given up. */
export interface Limits {
  readonly seconds: number;
  /** Resident memory of the process, where the system tells it (Linux). */
  readonly gigabytes: number;
}

const script = fileURLToPath(new URL('./measure-block.ts', import.meta.url));
/** How Node runs the script, from the folder of this package. */
const nodeArguments = ['--import', 'tsx', '--conditions=@vitvq/source', script];
const cwd = fileURLToPath(new URL('../..', import.meta.url));
const pollMilliseconds = 50;

/** Returns the resident bytes of a process, or 0 where the system does not tell. */
async function residentBytes(pid: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Measures one block in a process of its own, which ends where it goes beyond the limits. */
export async function runBlock(
  kind: string,
  side: number,
  threads: number | undefined,
  { seconds, gigabytes }: Limits,
): Promise<BlockFigures | OutOfReach> {
  const threadArguments = threads === undefined ? [] : [String(threads)];
  const child = spawn(process.execPath, [...nodeArguments, kind, String(side), ...threadArguments], { cwd });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  let reason: string | undefined;
  const deadline = performance.now() + 1000 * seconds;
  while (child.exitCode === null && child.signalCode === null) {
    await Promise.race([ended, setTimeout(pollMilliseconds)]);
    if (performance.now() > deadline) reason ??= `more than ${seconds} s`;
    else if ((await residentBytes(child.pid!)) > gigabytes * 1e9) reason ??= `more than ${gigabytes} GB`;
    if (reason !== undefined) child.kill('SIGKILL');
  }
  const code = await ended;
  if (reason !== undefined) return { reason };
  if (code === 0) return JSON.parse(output.trim().split('\n').at(-1)!) as BlockFigures;
  const message = errors.split('\n').find((line) => /error/i.test(line)) ?? `exit code ${code}`;
  return { reason: message.trim().slice(0, 100) };
}
