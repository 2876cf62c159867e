import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { readText, removeAbandoned } from '@vitvq/files';
import { CIFAR10_IMAGE_BYTES, type BlockSink, type Cifar10Split } from './cifar10-archives.js';

/** Size and checksum of a stored file. */
interface StoredFile {
  readonly bytes: number;
  readonly sha256: string;
}

interface Manifest {
  readonly version: 1;
  readonly source: string;
  readonly files: Readonly<Record<string, StoredFile>>;
}

const STORE = 'cifar10';
const MANIFEST = 'manifest.json';
const CHUNK = 4 * 2 ** 20;
/** Limits in bytes. The images of the larger split have 154 MB. */
const LARGEST_MANIFEST = 2 ** 16;
const LARGEST_FILE = 50_000 * CIFAR10_IMAGE_BYTES;

/** Images and labels of one split as the cache keeps them. */
export interface StoredSplit {
  /** `[length, 32, 32, 3]`. */
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/**
 * Reads a split and checks every byte; returns undefined when the cache does not hold it undamaged.
 */
export async function readStoredSplit(cacheDirectory: string, split: Cifar10Split): Promise<StoredSplit | undefined> {
  const store = join(cacheDirectory, STORE);
  const manifest = await readManifest(store);
  const images = await readChecked(store, `${split}-images.u8`, manifest);
  const labels = images && (await readChecked(store, `${split}-labels.u8`, manifest));
  return images && labels && images.length === labels.length * CIFAR10_IMAGE_BYTES ? { images, labels } : undefined;
}

async function readManifest(store: string): Promise<Manifest | undefined> {
  try {
    const manifest = JSON.parse(await readText(join(store, MANIFEST), 'a manifest', LARGEST_MANIFEST)) as Manifest;
    return manifest.version === 1 ? manifest : undefined;
  } catch {
    return undefined;
  }
}

async function readChecked(
  store: string,
  name: string,
  manifest: Manifest | undefined,
): Promise<Uint8Array | undefined> {
  const expected = manifest?.files?.[name];
  if (!expected) return undefined;
  const handle = await open(join(store, name)).catch(() => undefined);
  if (!handle) return undefined;
  try {
    const { size } = await handle.stat();
    if (size !== expected.bytes || size > LARGEST_FILE) return undefined;
    const bytes = new Uint8Array(size);
    const digest = createHash('sha256');
    for (let offset = 0; offset < size;) {
      const { bytesRead } = await handle.read(bytes, offset, Math.min(CHUNK, size - offset), offset);
      if (bytesRead === 0) return undefined;
      digest.update(bytes.subarray(offset, offset + bytesRead));
      offset += bytesRead;
    }
    return digest.digest('hex') === expected.sha256 ? bytes : undefined;
  } finally {
    await handle.close();
  }
}

/** Fills the store: it receives an empty folder for temporary files and a sink for blocks. */
export type Filler = (temporary: string, sink: BlockSink) => Promise<void>;

/**
 * Fills the store and puts it in place with one rename: no process ever sees half of it, and when
 * several processes fill it at the same time, each ends with a whole store. Replaces a damaged
 * store.
 */
export async function fillStore(cacheDirectory: string, source: string, fill: Filler): Promise<void> {
  await mkdir(cacheDirectory, { recursive: true });
  await removeAbandoned(cacheDirectory, (name) => name.startsWith(`${STORE}.partial-`), 24);
  const work = join(cacheDirectory, `${STORE}.partial-${randomUUID()}`);
  const [fresh, temporary] = [join(work, 'fresh'), join(work, 'temporary')];
  try {
    await mkdir(fresh, { recursive: true });
    await mkdir(temporary);
    await writeBlocks(fresh, source, (sink) => fill(temporary, sink));
    await putInPlace(fresh, join(cacheDirectory, STORE), join(work, 'damaged'), cacheDirectory);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function writeBlocks(store: string, source: string, fill: (sink: BlockSink) => Promise<void>): Promise<void> {
  const handles = new Map<string, FileHandle>();
  const files: Record<string, StoredFile> = {};
  try {
    await fill(async ({ split, kind, start, bytes }) => {
      const name = `${split}-${kind}.u8`;
      const handle = handles.get(name) ?? (await open(join(store, name), 'w+'));
      handles.set(name, handle);
      const position = start * (kind === 'images' ? CIFAR10_IMAGE_BYTES : 1);
      for (let written = 0; written < bytes.length;) {
        written += (await handle.write(bytes, written, bytes.length - written, position + written)).bytesWritten;
      }
    });
    for (const [name, handle] of handles) {
      await handle.sync();
      files[name] = await describeFile(handle);
    }
  } finally {
    for (const handle of handles.values()) await handle.close();
  }
  const manifest: Manifest = { version: 1, source, files };
  await writeFile(join(store, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`, { flush: true });
}

async function describeFile(handle: FileHandle): Promise<StoredFile> {
  const digest = createHash('sha256');
  const chunk = new Uint8Array(CHUNK);
  let bytes = 0;
  for (;;) {
    const { bytesRead } = await handle.read(chunk, 0, CHUNK, bytes);
    if (bytesRead === 0) return { bytes, sha256: digest.digest('hex') };
    digest.update(chunk.subarray(0, bytesRead));
    bytes += bytesRead;
  }
}

/**
 * A rename cannot replace a folder that holds files: the store of another process is kept if it is
 * whole, else moved aside.
 */
async function putInPlace(fresh: string, store: string, aside: string, cacheDirectory: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await rename(fresh, store);
      return;
    } catch (error) {
      const taken = ['ENOTEMPTY', 'EEXIST', 'EPERM', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '');
      if (!taken || attempt === 3) throw error;
    }
    const isWhole = (await readStoredSplit(cacheDirectory, 'test')) && (await readStoredSplit(cacheDirectory, 'train'));
    if (isWhole) return;
    // When another process was quicker, there is nothing to move, and the next attempt decides.
    await rename(store, `${aside}-${attempt}`).catch(() => undefined);
  }
}
