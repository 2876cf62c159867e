import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { DataError } from '@vitvq/core';

/** Ends of the names of images, in lower case. */
export const EXTENSIONS = ['.png', '.jpg', '.jpeg', '.webp'];

/** What a folder holds. */
export interface Listing {
  /** Relative paths with `/`, sorted. */
  readonly images: readonly string[];
  /** Some of `images` that must not be opened, and why. */
  readonly refused: ReadonlyMap<string, string>;
  /** Number of other files by extension, for the message when there is no image. */
  readonly others: ReadonlyMap<string, number>;
}

/**
 * Lists the images of a folder and its sub-folders.
 * @throws {DataError} when there is no such folder
 */
export async function listImages(root: string): Promise<Listing> {
  const realRoot = await realRootOf(root);
  const images: string[] = [];
  const refused = new Map<string, string>();
  const others = new Map<string, number>();
  for await (const { path, entry } of walk(root)) {
    const extension = extname(entry.name).toLowerCase();
    const isLink = entry.isSymbolicLink();
    if (EXTENSIONS.includes(extension) && (isLink || entry.isFile())) {
      images.push(path);
      const reason = isLink ? await problemOfLink(join(root, path), realRoot) : undefined;
      if (reason) refused.set(path, reason);
    } else {
      const kind = isLink ? 'links' : extension || 'without extension';
      others.set(kind, (others.get(kind) ?? 0) + 1);
    }
  }
  images.sort(byCodeUnits);
  return { images, refused, others };
}

/**
 * Compares texts the same way on every machine, whatever its language and however its file system
 * spells accents.
 */
export function byCodeUnits(a: string, b: string): number {
  const [x, y] = [a.normalize('NFC'), b.normalize('NFC')];
  return x < y ? -1 : x > y ? 1 : a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Everything below a folder that is not a folder, in no particular order; names that begin with a
 * dot are passed over.
 */
async function* walk(root: string): AsyncGenerator<{ readonly path: string; readonly entry: Dirent }> {
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const path = folder ? `${folder}/${entry.name}` : entry.name;
      if (entry.isDirectory()) folders.push(path);
      else yield { path, entry };
    }
  }
}

async function realRootOf(root: string): Promise<string> {
  const expected = 'a folder of images';
  const realRoot = await realpath(root).catch((cause: unknown) => {
    throw new DataError({ where: root, expected, got: 'nothing at that path' }, { cause });
  });
  if ((await stat(realRoot)).isDirectory()) return realRoot;
  throw new DataError({ where: root, expected, got: 'a file', fix: 'Name the folder that holds it.' });
}

async function problemOfLink(file: string, realRoot: string): Promise<string | undefined> {
  const target = await realpath(file).catch(() => undefined);
  if (target === undefined) return 'it is a link to nothing';
  const inside = realRoot.endsWith(sep) ? realRoot : realRoot + sep;
  if (!target.startsWith(inside)) return 'it is a link that leads out of the folder';
  return (await stat(target)).isFile() ? undefined : 'it is a link to something that is not a file';
}
