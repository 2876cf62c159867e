import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import type { ExportedOnnx } from '@vitvq/engine';
import type { ExportedGraph, ExportManifest } from '../manifest.js';
import { graphsOf, readManifest } from '../read-export.js';
import { manifestName } from './manifest-schema.js';

/** The half of a manifest that one export writes. */
export type ManifestPart = Pick<ExportManifest, 'tokenizer'> | Pick<ExportManifest, 'transformer'>;

/** Writes a file beside those of the same export and describes it. */
export type AddGraph = (file: string, onnx: ExportedOnnx, weights: 'float32' | 'float16') => Promise<ExportedGraph>;

/**
 * Makes the files of one part in a folder of their own and moves them to their place when `check` has passed them; what another
 * part has in the folder stays. The manifest comes last: files that a crash left behind have other checksums than it says.
 * @throws {DataError} naming what cannot be written
 */
export async function writeExport<T>(
  folder: string,
  make: (add: AddGraph) => Promise<ManifestPart>,
  check: (folder: string) => Promise<T>,
): Promise<{ manifest: ExportManifest; checked: T }> {
  await attempt(folder, () => mkdir(folder, { recursive: true }));
  await removeStale(folder);
  await manifestIn(folder); // One that cannot be read is told before the work, not after it.
  const staging = join(folder, `${stagingPrefix}${randomBytes(4).toString('hex')}`);
  await attempt(staging, () => mkdir(staging));
  try {
    const part = await make(async (file, { bytes, opset, inputs, outputs }, weights) => {
      await attempt(join(staging, file), () => writeFile(join(staging, file), bytes));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return { file, bytes: bytes.length, sha256, opset, weights, inputs, outputs };
    });
    const added: ExportManifest = { format: 'vitvq-onnx', version: 1, ...part };
    await attempt(staging, () => writeFile(join(staging, manifestName), textOf(added)));
    const checked = await check(staging);
    const others = await manifestIn(folder);
    const manifest = { ...others, ...added };
    const written = graphsOf(added).map(({ file }) => file);
    for (const file of written) await attempt(folder, () => rename(join(staging, file), join(folder, file)));
    await attempt(folder, async () => {
      await writeFile(join(staging, manifestName), textOf(manifest));
      await rename(join(staging, manifestName), join(folder, manifestName));
    });
    // Of a model with more files that was here before.
    const kept = new Set(graphsOf(manifest).map(({ file }) => file));
    for (const { file } of others ? graphsOf(others) : []) {
      if (!kept.has(file)) await rm(join(folder, file), { force: true });
    }
    return { manifest, checked };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

const stagingPrefix = '.export-';

/** Folders of exports that were killed: those that nothing has touched for an hour. */
async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(stagingPrefix)) continue;
    const path = join(folder, name);
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > 3_600_000) await rm(path, { recursive: true, force: true });
  }
}

async function manifestIn(folder: string): Promise<ExportManifest | undefined> {
  return (await readdir(folder)).includes(manifestName) ? readManifest(folder) : undefined;
}

const textOf = (manifest: ExportManifest): string => `${JSON.stringify(manifest, undefined, 2)}\n`;

async function attempt(where: string, write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    throw new DataError({ where, expected: 'to write the file', got: (error as Error).message }, { cause: error });
  }
}
