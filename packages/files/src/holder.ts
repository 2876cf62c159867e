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
  /** Seconds since the start of the machine at that time, which no change of its clock moves. */
  readonly uptime: number;
}

/** Returns what this process says of itself. */
export async function thisHolder(): Promise<Holder> {
  const since = new Date().toISOString();
  const started = (await startOf(process.pid)) ?? null;
  return { pid: process.pid, host: hostname(), since, started, uptime: uptime() };
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
  return parseHolder(text);
}

/** Returns what a process says of itself; undefined for any other text, such as one cut short. */
export function parseHolder(text: string): Holder | undefined {
  try {
    const value = (JSON.parse(text) ?? {}) as Partial<Holder>;
    const { pid, host, since, started = null, uptime: up = 0 } = value;
    if (!Number.isSafeInteger(pid) || pid! <= 0 || typeof host !== 'string') return undefined;
    if (typeof since !== 'string' || Number.isNaN(Date.parse(since)) || !Number.isFinite(up)) return undefined;
    if (started !== null && typeof started !== 'string') return undefined;
    return { pid: pid!, host, since, started, uptime: up };
  } catch {
    return undefined;
  }
}

/** Returns whether a process still runs; nobody can tell for another host, so there it does. */
export async function isRunning({ pid, host, started, uptime: then }: Holder): Promise<boolean> {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const running = await startOf(pid);
  if (running !== undefined && started !== null) return running === started;
  // A machine that has been up for a shorter time than then was started since. Clocks do not count:
  // they jump, and a run that lives would lose its folder.
  return uptime() >= then;
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
