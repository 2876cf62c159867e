import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/**
 * Bytes a second that so many threads together move between caches and memory, reading and writing
 * counted: a limit of what any computation on them can read. Measured by processes of its own,
 * whose arrays are not in the memory of those that are compared.
 */
export async function measureBandwidth(threads: number): Promise<number> {
  const script = fileURLToPath(new URL('./copy-memory.ts', import.meta.url));
  const copies = Array.from({ length: threads }, () =>
    promisify(execFile)(process.execPath, ['--import', 'tsx', script]),
  );
  const rates = (await Promise.all(copies)).map(({ stdout }) => Number(stdout));
  return rates.reduce((sum, rate) => sum + rate, 0);
}
