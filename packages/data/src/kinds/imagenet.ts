import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { z } from 'zod';
import { readList } from '../internal/class-list.js';
import { listedFields, listedFiles, openListedImages, type FileSample } from '../internal/file-samples.js';
import { classOf, unlistedClasses } from '../internal/class-folders.js';
import { byCodeUnits } from '../internal/list-images.js';
import type { SkippedImage } from '../skipped-image.js';
import { pathSchema, sourceKind } from './source-kind.js';

/** Name of a class folder: the number of a noun in WordNet. */
const WNID = /^n\d{8}$/;

/** Folders of the splits, as the data set is usually unpacked. */
const folders = { train: ['train'], validation: ['val', 'validation'] } as const;

/** ImageNet: a folder a class, the validation images in such folders or beside a list. */
export const imagenet = sourceKind({
  schema: z.strictObject({
    kind: z.literal('imagenet'),
    path: pathSchema,
    split: z.enum(['train', 'validation']).default('train'),
    classList: pathSchema.optional(),
    labels: pathSchema.optional(),
    ...listedFields,
  }),
  open: async ({ path, split, classList, labels, ...config }, context) => {
    const base = context.resolve(path);
    const root = await firstThatIs(
      folders[split].map((name) => join(base, name)),
      base,
    );
    const list =
      classList === undefined ? await ifThere(join(base, 'LOC_synset_mapping.txt')) : context.resolve(classList);
    const classes = list === undefined ? await classFolders(base, root) : await readClasses(list);
    const files = await listedFiles(root, config, context);
    const isFlat = files.files.every((file) => !file.includes('/'));
    const wnids = classes.map(({ wnid }) => wnid);
    const listed = isFlat
      ? fromList(files.files, wnids, await readLabels(context.resolve(labels ?? join(base, 'LOC_val_solution.csv'))))
      : fromFolders(files.files, wnids);
    const names = classes.map(({ wnid, text }) => (text ? `${wnid} ${text}` : wnid));
    return openListedImages({ root, files, ...listed, classes: names, hasCaptions: false }, config, context);
  },
});

interface Listed {
  readonly samples: FileSample[];
  readonly skipped: readonly SkippedImage[];
}

/** Labels the images of class folders; folders of other classes are left out as wholes. */
function fromFolders(files: readonly string[], wnids: readonly string[]): Listed {
  const position = new Map(wnids.map((wnid, label) => [wnid, label]));
  const samples = files.flatMap((file) => {
    const label = position.get(classOf(file));
    return label === undefined ? [] : [{ name: file, file, label }];
  });
  return { samples, skipped: unlistedClasses(files, new Set(wnids)) };
}

/** Labels images that lie side by side. */
function fromList(
  files: readonly string[],
  wnids: readonly string[],
  classOfImage: ReadonlyMap<string, string>,
): Listed {
  const position = new Map(wnids.map((wnid, label) => [wnid, label]));
  const samples = files.map((file) => {
    const name = classOfImage.get(stem(file));
    // A class is a wnid, or its position in the list.
    const label = name === undefined ? undefined : (position.get(name) ?? Number(name));
    return { name: file, file, label: Number.isNaN(label) ? undefined : label };
  });
  return { samples, skipped: [] };
}

/** Returns a name without its extension. */
function stem(file: string): string {
  return file.replace(/\.[^.]*$/, '');
}

interface WordNetClass {
  readonly wnid: string;
  /** First of its names. */
  readonly text: string;
}

/** Reads lines such as `n01440764 tench, Tinca tinca`. @throws {DataError} for other lines */
async function readClasses(file: string): Promise<WordNetClass[]> {
  return (await readList(file, 'a class list')).map((line) => {
    const [wnid = '', ...words] = line.split(/[\s,:]+/);
    if (!WNID.test(wnid)) {
      throw new DataError({
        where: file,
        expected: 'lines such as n01440764 tench, Tinca tinca',
        got: JSON.stringify(line),
      });
    }
    return {
      wnid,
      text: words.length
        ? line
            .slice(wnid.length)
            .replace(/^[\s,:]+/, '')
            .split(',')[0]!
            .trim()
        : '',
    };
  });
}

/** Takes the class folders of the training images, or else those of the split. */
async function classFolders(base: string, root: string): Promise<WordNetClass[]> {
  const train = await ifThere(join(base, 'train'));
  const names = await readdir(train ?? root).catch(() => []);
  const wnids = names.filter((name) => WNID.test(name)).sort(byCodeUnits);
  if (wnids.length > 0) return wnids.map((wnid) => ({ wnid, text: '' }));
  throw new DataError({
    where: base,
    expected: 'class folders such as train/n01440764, or a class list',
    got: 'neither',
    fix: 'Name the folder that holds train and val, and classList where there are no training images.',
  });
}

/**
 * Reads the class of each validation image: lines of a name and a class, as a number from 0 on or a
 * wnid, such as those of LOC_val_solution.csv.
 */
async function readLabels(file: string): Promise<Map<string, string>> {
  const labels = new Map<string, string>();
  for (const line of await readList(file, 'a list of validation images and their classes')) {
    const [image = '', label = ''] = line.split(/[\s,]+/);
    if (WNID.test(label) || /^\d+$/.test(label)) labels.set(stem(image), label);
  }
  if (labels.size > 0) return labels;
  throw new DataError({ where: file, expected: 'lines such as ILSVRC2012_val_00000001,n01751748', got: 'none' });
}

async function ifThere(path: string): Promise<string | undefined> {
  return (await stat(path).catch(() => undefined)) ? path : undefined;
}

async function firstThatIs(paths: readonly string[], otherwise: string): Promise<string> {
  for (const path of paths) if (await ifThere(path)) return path;
  return otherwise;
}
