import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const extension = '.pjrt';
const checksumBytes = 32;
/** A file of a killed process is removed after so long. */
const abandonedMilliseconds = 3_600_000;

const sha256 = (...parts: (string | Uint8Array)[]): Buffer => {
  const hash = createHash('sha256');
  // Lengths keep two lists of parts with the same characters apart.
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest();
};

/**
 * Compiled programs on disk, so that a program that was compiled once is ready at once in the next
 * process. Each file begins with the SHA-256 of its content; one that does not fit is passed over,
 * and what the cache cannot read or write costs nothing but time.
 */
export class ExecutableCache {
  readonly #folder: string;
  readonly #maximumBytes: number;

  /**
   * @param folder  created at the first write
   * @param maximumBytes  size of the folder, from which on the files that were used least recently
   *   are removed
   */
  constructor(folder: string, maximumBytes: number) {
    this.#folder = folder;
    this.#maximumBytes = maximumBytes;
  }

  /** Returns the key of a program: everything on which the compiled code depends. */
  static key(parts: readonly (string | Uint8Array)[]): string {
    return sha256(...parts).toString('hex');
  }

  /** Returns what was stored under a key; undefined where there is nothing, or nothing whole. */
  read(key: string): Buffer | undefined {
    try {
      const file = this.#fileOf(key);
      const content = readFileSync(file);
      const bytes = content.subarray(checksumBytes);
      if (!sha256(key, bytes).equals(content.subarray(0, checksumBytes))) return undefined;
      const now = new Date();
      utimesSync(file, now, now); // used most recently
      return bytes;
    } catch {
      return undefined;
    }
  }

  /** Stores bytes under a key, whole or not at all. */
  write(key: string, bytes: Uint8Array): void {
    if (bytes.length + checksumBytes > this.#maximumBytes) return;
    try {
      // Compiled code is run: nobody else may put some there.
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      this.#removeOldest(this.#maximumBytes - bytes.length - checksumBytes);
      const temporary = join(this.#folder, `${randomBytes(6).toString('hex')}.tmp`);
      writeFileSync(temporary, Buffer.concat([sha256(key, bytes), bytes]), { flag: 'wx', mode: 0o600 });
      renameSync(temporary, this.#fileOf(key));
    } catch {
      // A full disk, for example. What is left of the file is removed by a later write.
    }
  }

  #fileOf(key: string): string {
    return join(this.#folder, `${key}${extension}`);
  }

  /** Removes what killed processes have left, and the oldest files until the others fit. */
  #removeOldest(maximumBytes: number): void {
    const files = readdirSync(this.#folder).flatMap((name) => {
      const path = join(this.#folder, name);
      const facts = statSync(path, { throwIfNoEntry: false });
      return facts?.isFile() ? [{ path, name, size: facts.size, used: facts.mtimeMs }] : [];
    });
    for (const { path, name, used } of files) {
      if (name.endsWith('.tmp') && Date.now() - used > abandonedMilliseconds) rmSync(path, { force: true });
    }
    const kept = files.filter(({ name }) => name.endsWith(extension)).sort((a, b) => a.used - b.used);
    let total = kept.reduce((sum, { size }) => sum + size, 0);
    for (const { path, size } of kept) {
      if (total <= maximumBytes) break;
      rmSync(path, { force: true });
      total -= size;
    }
  }
}
