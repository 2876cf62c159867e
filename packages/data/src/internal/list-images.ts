import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { DataError } from '@vitvq/core';
import { EXTENSIONS, UNREAD_EXTENSIONS } from './image-format.js';

/** What a folder holds. */
export interface Listing {
  /** Relative paths with `/`, sorted. */
  readonly images: readonly string[];
  /** Images that must not or cannot be opened, by path, and why. Some are not in `images`. */
  readonly refused: ReadonlyMap<string, string>;
  /** Number of other files by extension. */
  readonly others: ReadonlyMap<string, number>;
  /** Names of the folders directly in the folder. */
  readonly folders: readonly string[];
}

/**
 * Lists the images of a folder and its sub-folders.
 * @param followLinks  whether links are followed wherever they lead, those to folders too
 * @throws {DataError} when there is no such folder
 */
export async function listImages(root: string, followLinks: boolean): Promise<Listing> {
  const realRoot = await realRootOf(root);
  const images: string[] = [];
  const refused = new Map<string, string>();
  const others = new Map<string, number>();
  const folders: string[] = [];
  for await (const { path, name, type } of walk(root, realRoot, followLinks)) {
    const extension = extname(name).toLowerCase();
    const isLink = type === 'link';
    if (type === 'folder') {
      if (!path.includes('/')) folders.push(path);
    } else if (type === 'loop') {
      refused.set(path, 'it is a link to a folder that holds it');
    } else if (EXTENSIONS.includes(extension) && type !== 'other') {
      images.push(path);
      const reason = isLink ? await problemOfLink(join(root, path), realRoot, followLinks) : undefined;
      if (reason) refused.set(path, reason);
    } else {
      const kind = isLink ? 'links' : extension || 'without extension';
      others.set(kind, (others.get(kind) ?? 0) + 1);
      if (UNREAD_EXTENSIONS.includes(extension)) refused.set(path, `${extension} images are not read`);
    }
  }
  images.sort(byCodeUnits);
  return { images, refused, others, folders };
}

/**
 * Compares texts the same way on every machine, whatever its language and however its file system
 * spells accents.
 */
export function byCodeUnits(a: string, b: string): number {
  const [x, y] = [a.normalize('NFC'), b.normalize('NFC')];
  return x < y ? -1 : x > y ? 1 : a < b ? -1 : a > b ? 1 : 0;
}

/** Something below a folder. */
interface Entry {
  /** Relative path with `/`. */
  readonly path: string;
  readonly name: string;
  /** `loop` is a link to a folder that holds it; a `link` was not followed, or leads to a file. */
  readonly type: 'folder' | 'file' | 'link' | 'loop' | 'other';
}

/** A folder that is still to be read. */
interface OpenFolder {
  readonly path: string;
  /** Its path without links. */
  readonly real: string;
  /** Paths without links of the folders that hold the links which lead here. */
  readonly cameFrom: readonly string[];
}

/** Everything below a folder, in no particular order; names with a dot first are passed over. */
async function* walk(root: string, realRoot: string, followLinks: boolean): AsyncGenerator<Entry> {
  const open: OpenFolder[] = [{ path: '', real: realRoot, cameFrom: [] }];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    const { real, cameFrom } = folder;
    for (const entry of await readdir(join(root, folder.path), { withFileTypes: true })) {
      const { name } = entry;
      if (name.startsWith('.')) continue;
      const path = folder.path ? `${folder.path}/${name}` : name;
      const target = followLinks && entry.isSymbolicLink() ? await linkedFolder(join(root, path)) : undefined;
      if (target !== undefined && [...cameFrom, real].some((place) => isWithin(target, place))) {
        yield { path, name, type: 'loop' };
      } else if (target !== undefined || entry.isDirectory()) {
        open.push({ path, real: target ?? join(real, name), cameFrom: target ? [...cameFrom, real] : cameFrom });
        yield { path, name, type: 'folder' };
      } else {
        yield { path, name, type: entry.isSymbolicLink() ? 'link' : entry.isFile() ? 'file' : 'other' };
      }
    }
  }
}

/** Returns the path of the folder that a link leads to; undefined for anything else. */
async function linkedFolder(link: string): Promise<string | undefined> {
  const target = await realpath(link).catch(() => undefined);
  return target !== undefined && (await stat(target)).isDirectory() ? target : undefined;
}

function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

async function realRootOf(root: string): Promise<string> {
  const expected = 'a folder of images';
  const realRoot = await realpath(root).catch((cause: unknown) => {
    throw new DataError({ where: root, expected, got: 'nothing at that path' }, { cause });
  });
  if ((await stat(realRoot)).isDirectory()) return realRoot;
  throw new DataError({ where: root, expected, got: 'a file', fix: 'Name the folder that holds it.' });
}

async function problemOfLink(file: string, realRoot: string, followLinks: boolean): Promise<string | undefined> {
  const target = await realpath(file).catch(() => undefined);
  if (target === undefined) return 'it is a link to nothing';
  if (!followLinks && !isWithin(realRoot, target)) return 'it is a link that leads out of the folder';
  return (await stat(target)).isFile() ? undefined : 'it is a link to something that is not a file';
}
