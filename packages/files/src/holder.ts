import { promises as fs } from 'node:fs';
import { hostname, uptime } from 'node:os';
import { DataError } from '@vitvq/core';
import { systemReason } from './system-reason.js';

/** A process that holds something on the disk, as it says in a file there. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Time since when it holds it, in ISO 8601. */
  readonly since: string;
  /** Start of the process, which tells it from a later one of the same number; null: unknown. */
  readonly started: string | null;
}

/** Returns what this process says of itself. */
export async function thisHolder(): Promise<Holder> {
  const since = new Date().toISOString();
  return { pid: process.pid, host: hostname(), since, started: (await startOf(process.pid)) ?? null };
}

/**
 * Returns the process that a file names; undefined where the file is gone, or was cut short by a
 * crash or a full disk.
 * @throws {DataError} when it cannot be read
 */
export async function readHolder(file: string): Promise<Holder | undefined> {
  let text: string;
  try {
    text = await fs.readFile(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    const got = systemReason(error);
    throw new DataError({ where: file, expected: 'a file that can be read', got }, { cause: error });
  }
  try {
    const { pid, host, since, started = null } = (JSON.parse(text) ?? {}) as Partial<Holder>;
    if (!Number.isSafeInteger(pid) || pid! <= 0 || typeof host !== 'string') return undefined;
    return Number.isNaN(Date.parse(since ?? '')) ? undefined : { pid: pid!, host, since: since!, started };
  } catch {
    return undefined;
  }
}

/** Returns whether a process still runs; nobody can tell for another host, so there it does. */
export async function isRunning({ pid, host, since, started }: Holder): Promise<boolean> {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const running = await startOf(pid);
  if (running !== undefined && started !== null) return running === started;
  // Not a process of before the last start of the machine, give or take a minute of clocks.
  return Date.parse(since) > Date.now() - uptime() * 1000 - 60_000;
}

/**
 * Returns what tells a process from every other one that had or will have its number: the boot of
 * the machine and the time of the start in clock ticks since then. Undefined where the system does
 * not say.
 */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const boot = await fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    const stat = await fs.readFile(`/proc/${pid}/stat`, 'utf8');
    // Fields after the name, which is in parentheses and may hold anything (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, ticks] = [fields[0], fields[19]];
    if (state === 'Z' || state === 'X') return 'ended';
    return ticks && `${boot.trim()}/${ticks}`;
  } catch {
    return undefined;
  }
}
