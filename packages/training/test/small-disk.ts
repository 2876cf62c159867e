import { spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A disk that a test fills while a process writes to it. */
export interface SmallDisk {
  /** What the system says of a full one. */
  readonly code: 'ENOSPC' | 'EFBIG';
  fill(pid: number): Promise<void>;
  makeRoom(pid: number): Promise<void>;
  remove(): void;
}

const size = 2 ** 20;

/** Returns whether a command succeeds; where it does not, nothing is printed. */
function succeeds(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/**
 * Makes a folder a disk of a mebibyte of its own. Where none can be mounted, the processes of the
 * test are kept from making any file larger instead, which looks the same but for the code.
 * @returns undefined where neither can be done
 */
export async function makeSmallDisk(folder: string): Promise<SmallDisk | undefined> {
  await mkdir(folder);
  const mounted = succeeds('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'vitvq-test', folder]);
  if (!mounted) {
    if (!succeeds('prlimit', ['--version'])) return undefined;
    const limit = (pid: number, bytes: string): Promise<void> =>
      succeeds('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`])
        ? Promise.resolve()
        : Promise.reject(new Error('prlimit has not limited the size of files'));
    return {
      code: 'EFBIG',
      fill: (pid) => limit(pid, '1'),
      makeRoom: (pid) => limit(pid, 'unlimited'),
      remove: () => undefined,
    };
  }
  const filler = join(folder, 'filler');
  return {
    code: 'ENOSPC',
    // The last write fails, and leaves no room.
    fill: async () => {
      await writeFile(filler, new Uint8Array(size)).catch(() => undefined);
    },
    makeRoom: () => rm(filler),
    remove: () => void spawnSync('umount', ['--lazy', folder]),
  };
}
