import { mkdtemp, rm, stat, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Reading } from '../read-hostile.js';
import type { HostileFile } from './hostile-files.js';
import { runTypeScript } from './run.js';
import { repositoryRoot } from './workspace.js';

/** A file, its size and what reading it has cost. */
export interface Measured extends Reading {
  readonly file: HostileFile;
  /** Bytes of the file, or of all files of the folder. */
  readonly bytes: number;
}

const program = fileURLToPath(new URL('../read-hostile.ts', import.meta.url));

/**
 * Makes a file and reads it in a process of its own.
 * @param bytes  size that the file, or what it unpacks to, is to have
 */
export async function measureBounds(file: HostileFile, bytes: number): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'vitvq-bounds-'));
  try {
    const path = await file.make(folder, bytes);
    const { code, stdout, stderr } = await runTypeScript(program, [file.reader, path], {
      cwd: repositoryRoot,
      timeoutSeconds: 300,
    });
    const reading =
      code === 0
        ? (JSON.parse(stdout.trim().split('\n').at(-1)!) as Reading)
        : { outcome: `failed: ${stderr.trim().slice(-500)}`, seconds: Infinity, megabytes: Infinity };
    return { file, bytes: await sizeOf(folder), ...reading };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder, { recursive: true })) {
    const found = await stat(join(folder, name));
    if (found.isFile()) bytes += found.size;
  }
  return bytes;
}

/** Returns whether a reading is within the bounds of its file. */
export function isWithin({ file: { bound }, seconds, megabytes }: Measured): boolean {
  return seconds <= bound.seconds && megabytes <= bound.megabytes;
}

/** Returns the row of a reading in a Markdown table. */
export function rowOf({ file, bytes, seconds, megabytes, outcome }: Measured): string {
  const shown = outcome.length > 110 ? `${outcome.slice(0, 107)}...` : outcome;
  const content = file.content.replaceAll('|', '\\|');
  const cells = [file.format, content, bytes.toLocaleString('en'), seconds.toFixed(1), megabytes.toFixed(0)];
  return `| ${[...cells, shown.replaceAll('|', '\\|').replaceAll('\n', ' ')].join(' | ')} |`;
}
