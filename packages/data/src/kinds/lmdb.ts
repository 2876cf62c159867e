import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DataError } from '@vitvq/core';
import { z } from 'zod';
import { closedFile, withFile } from '../internal/byte-range.js';
import { walkLmdb } from '../internal/lmdb-index.js';
import { readMember, type Member } from '../internal/read-member.js';
import { openSampleSet, type Sample } from '../internal/sample-set.js';
import type { SkippedImage } from '../skipped-image.js';
import { classesOf, classesSchema, decodingOf, encodedFields, pathSchema, sourceKind } from './source-kind.js';

const NOUN = 'an LMDB database';

/** LMDB databases of encoded images, as LSUN has: one database a class. */
export const lmdb = sourceKind({
  schema: z.strictObject({
    kind: z.literal('lmdb'),
    path: z.union([pathSchema, z.array(pathSchema).min(1)]),
    classes: classesSchema.optional(),
    ...encodedFields,
  }),
  open: async ({ path, classes, ...config }, context) => {
    const paths = [path].flat();
    const decoding = decodingOf(config, context);
    const databases: Awaited<ReturnType<typeof indexDatabase>>[] = [];
    for (const each of paths) {
      const database = await indexDatabase(context.resolve(each), context.signal);
      databases.push(database);
      context.say(`${className(each)}: ${database.samples.length} images indexed`);
    }
    return openSampleSet({
      name: paths.map(className).join(', '),
      samples: databases.flatMap(({ samples }) => samples),
      skipped: databases.flatMap(({ skipped }) => skipped),
      classes: (await classesOf(classes, context)) ?? [...new Set(paths.map(className))],
      hasCaptions: false,
      decoding,
      identityOf: ({ size }) => String(size),
      read: (sample) => readMember(sample, decoding.maximumBytes),
    });
  },
});

type LmdbSample = Sample & Member;

/** Returns the class of a database: `bedroom` for `data/bedroom_train_lmdb`. */
function className(path: string): string {
  return basename(path)
    .replace(/[._](mdb|lmdb)$/, '')
    .replace(/_(train|val|test)$/, '');
}

async function indexDatabase(
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly samples: LmdbSample[]; readonly skipped: SkippedImage[] }> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
  const file = isFolder ? join(path, 'data.mdb') : path;
  const label = className(path);
  const samples: LmdbSample[] = [];
  const skipped: SkippedImage[] = [];
  try {
    await withFile(file, NOUN, async (open) => {
      const closed = closedFile(file, open.size, NOUN);
      await walkLmdb(open, {
        signal,
        onEntry: ({ key, offset, size }) => {
          samples.push({ name: `${label}/${keyText(key)}`, label, file: closed, offset, size });
        },
        onDamage: (offset) => skipped.push({ name: basename(path), reason: `it is damaged at byte ${offset}` }),
      });
    });
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    skipped.push({ name: basename(path), reason: `it cannot be read: ${error.got}` });
  }
  return { samples, skipped };
}

/** Keys are texts in LSUN; others are shown as hexadecimal digits. */
function keyText(key: Uint8Array): string {
  const isText = key.length > 0 && key.every((byte) => byte >= 0x20 && byte < 0x7f);
  return Buffer.from(key).toString(isText ? 'latin1' : 'hex');
}
