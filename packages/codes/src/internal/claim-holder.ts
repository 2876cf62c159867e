import { promises as fs } from 'node:fs';
import { hostname } from 'node:os';
import { isRunning, parseHolder, thisHolder, type Holder } from '@vitvq/files';

/** A worker that holds a claim, as it says in the file of the claim. */
export interface ClaimHolder extends Holder {
  /** Random text that tells the claim from every other one. */
  readonly id: string;
  /** Text that is the same for processes that see each other's numbers. */
  readonly machine: string;
  /** Rises while the worker is alive. */
  readonly beat: number;
}

/** Digits of a beat: a claim is overwritten in place, so its length must stay. */
const beatDigits = 12;

/** Returns what a worker of this process says of itself. */
export async function thisClaimHolder(id: string): Promise<ClaimHolder> {
  return { id, machine: await thisMachine(), beat: 0, ...(await thisHolder()) };
}

/** Returns the text of a claim, whose length does not depend on the beat. */
export function formatHolder({ beat, ...rest }: ClaimHolder): string {
  return `${JSON.stringify({ ...rest, beat: String(beat).padStart(beatDigits, '0') })}\n`;
}

/** Returns who holds a claim; undefined for a text that a crash or a full disk cut short. */
export function parseClaimHolder(text: string): ClaimHolder | undefined {
  const holder = parseHolder(text);
  if (!holder) return undefined;
  const { id, machine, beat } = JSON.parse(text) as Partial<ClaimHolder>;
  if (typeof id !== 'string' || typeof machine !== 'string') return undefined;
  return { ...holder, id, machine, beat: Number(beat) };
}

/**
 * Returns whether the worker has certainly ended: its process would be visible here and is not.
 * Nobody can tell for another machine or container.
 */
export async function hasEnded(holder: ClaimHolder): Promise<boolean> {
  return holder.machine === (await thisMachine()) && !(await isRunning(holder));
}

/**
 * Names of hosts are not enough: containers of one name need not see each other's processes, and
 * two machines may have one name.
 */
async function thisMachine(): Promise<string> {
  const boot = await fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  const processes = await fs.readlink('/proc/self/ns/pid').catch(() => '');
  return [hostname(), boot.trim(), processes].join(' ');
}
