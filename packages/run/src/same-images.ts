import { join } from 'node:path';
import { existsSync } from 'node:fs';
import { ConfigError, DataError, type ImageSource } from '@vitvq/core';
import { sourceFingerprint } from '@vitvq/data';
import { readText, writeJson } from '@vitvq/files';
import { z } from 'zod';
import { imagesFile } from './run-files.js';

/** Sets of images of a run by their names, such as `train`. */
export type ImageSets = Readonly<Record<string, ImageSource | undefined>>;

const fingerprintsSchema = z.record(z.string(), z.string());
const maximumBytes = 2 ** 20;

/**
 * Compares images with those that a run began with, wherever they lie: by fingerprint, not by path.
 * @returns the names of the sets that differ; undefined where the run did not keep fingerprints
 * @throws {DataError} when the file with the fingerprints cannot be read
 */
export async function differentImages(folder: string, sets: ImageSets): Promise<readonly string[] | undefined> {
  const file = join(folder, imagesFile);
  if (!existsSync(file)) return undefined;
  const before = parsed(file, await readText(file, 'fingerprints of images', maximumBytes));
  const now = fingerprintsOf(sets);
  return Object.keys({ ...before, ...now }).filter((name) => before[name] !== now[name]);
}

/**
 * Keeps what tells the images of a run apart from others, or compares with what an earlier start
 * kept. The images may lie elsewhere since.
 * @throws {ConfigError} for other images, naming the sets
 * @throws {DataError} when the file with the fingerprints cannot be read
 */
export async function assertSameImages(folder: string, sets: ImageSets): Promise<void> {
  const different = await differentImages(folder, sets);
  if (different === undefined) {
    await writeJson(join(folder, imagesFile), fingerprintsOf(sets));
    return;
  }
  if (different.length === 0) return;
  throw new ConfigError({
    where: join(folder, imagesFile),
    expected: 'the images that the run began with, wherever they lie now',
    got: `other ones: ${different.map((name) => `data.${name}`).join(', ')}`,
    fix: 'Name the folder that has the same images under the same names, start over, or choose another folder.',
  });
}

function fingerprintsOf(sets: ImageSets): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(sets).flatMap(([name, source]) => (source ? [[name, sourceFingerprint(source)]] : [])),
  );
}

/** @throws {DataError} */
function parsed(file: string, text: string): Readonly<Record<string, string>> {
  try {
    return fingerprintsSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new DataError(
      {
        where: file,
        expected: 'fingerprints of images, as a run wrote them',
        got: 'something else',
        fix: 'Restore the file, or start over.',
      },
      { cause: error },
    );
  }
}
