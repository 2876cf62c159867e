import { promises as fs } from 'node:fs';
import { vi } from 'vitest';

/**
 * Lets so many changes of the disk by `node:fs` promises through; afterwards nothing changes, as in
 * a killed process, until `vi.restoreAllMocks()`.
 */
export function killAfter(changes: number): void {
  let left = changes;
  for (const name of ['mkdir', 'open', 'rename', 'rm', 'writeFile'] as const) {
    const original = fs[name].bind(fs) as (...values: unknown[]) => Promise<never>;
    vi.spyOn(fs, name).mockImplementation((...values: unknown[]) =>
      left-- > 0 ? original(...values) : Promise.reject(new Error('killed')),
    );
  }
}
