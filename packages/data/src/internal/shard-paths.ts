import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DataError } from '@vitvq/core';
import { systemReason } from '@vitvq/files';
import { expand } from 'brace-expansion';
import { byCodeUnits } from './list-images.js';
import { isAddress } from './remote-file.js';

/**
 * Returns the files that texts stand for: a path or an address, either with ranges such as
 * `{0000..0042}`; a folder, for all files in it that end in one of `endings`; a path with `*` or
 * `?` in the name of the file.
 * @throws {DataError} for a pattern or a folder that stands for none
 */
export async function shardPaths(
  patterns: readonly string[],
  endings: readonly string[],
  resolve: (path: string) => string,
): Promise<string[]> {
  const paths: string[] = [];
  for (const each of patterns.flatMap((pattern) => expand(pattern))) {
    if (isAddress(each)) {
      paths.push(each);
      continue;
    }
    const path = resolve(each);
    if (/[*?]/.test(basename(path))) {
      paths.push(...(await filesLike(dirname(path), patternOf(basename(path)), path)));
    } else if ((await stat(path).catch(() => undefined))?.isDirectory()) {
      paths.push(...(await filesLike(path, (name) => endings.some((ending) => name.endsWith(ending)), path)));
    } else {
      paths.push(path);
    }
  }
  return paths;
}

async function filesLike(folder: string, isMeant: (name: string) => boolean, where: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new DataError({ where, expected: 'a folder of shards', got: systemReason(cause) }, { cause });
  });
  const found = names.filter((name) => !name.startsWith('.') && isMeant(name)).sort(byCodeUnits);
  if (found.length > 0) return found.map((name) => join(folder, name));
  throw new DataError({ where, expected: 'at least one shard', got: `none among ${names.length} files` });
}

function patternOf(pattern: string): (name: string) => boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  const expression = new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
  return (name) => expression.test(name);
}
