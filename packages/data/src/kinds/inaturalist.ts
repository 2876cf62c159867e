import { DataError } from '@vitvq/core';
import { z } from 'zod';
import { annotationsByImage, readAnnotations, type Annotations } from '../internal/annotations.js';
import { listedFields, listedFiles, openListedImages, type FileSample } from '../internal/file-samples.js';
import { classOf } from '../internal/class-folders.js';
import { byCodeUnits } from '../internal/list-images.js';
import { pathSchema, sourceKind } from './source-kind.js';

/** Ranks in the names of folders of 2021, in their order behind a number. */
const RANKS = ['kingdom', 'phylum', 'class', 'order', 'family', 'genus', 'species'] as const;

const level = z.enum([...RANKS, 'supercategory']);
type Level = z.output<typeof level>;

/** iNaturalist: a JSON of the form of COCO, or the folders of 2021, at a rank of taxonomy. */
export const inaturalist = sourceKind({
  schema: z.strictObject({
    kind: z.literal('inaturalist'),
    path: pathSchema,
    annotations: pathSchema.optional(),
    level: level.default('species'),
    ...listedFields,
  }),
  open: async ({ path, annotations, level, ...config }, context) => {
    const root = context.resolve(path);
    const files = await listedFiles(root, config, context);
    const listed =
      annotations === undefined
        ? fromFolders(files.files, level, root)
        : fromAnnotations(await readAnnotations(context.resolve(annotations)), level, annotations);
    return openListedImages({ root, files, ...listed, hasCaptions: false }, config, context);
  },
});

interface Listed {
  readonly samples: FileSample[];
  readonly classes: readonly string[];
}

function fromAnnotations(annotations: Annotations, level: Level, where: string): Listed {
  const { images, categories } = annotations;
  const names = new Map(categories.map((category) => [category.id, nameAt(category, level)]));
  if ([...names.values()].every((name) => name === undefined)) {
    throw new DataError({ where, expected: `categories with ${level}`, got: `none of ${categories.length}` });
  }
  const byImage = annotationsByImage(annotations);
  const samples = images.map(({ id, file_name: file }) => {
    const category = byImage.get(id)?.[0]?.category_id as string | number | undefined;
    return { name: file, file, label: category === undefined ? undefined : names.get(category) };
  });
  const known = [...names.values()].filter((name) => name !== undefined);
  // Categories are numbered in order, and species keep these numbers.
  return { samples, classes: level === 'species' ? unique(known) : unique(known).sort(byCodeUnits) };
}

function nameAt(category: Annotations['categories'][number], level: Level): string | undefined {
  if (level === 'species') return category.name;
  return typeof category[level] === 'string' ? category[level] : undefined;
}

/**
 * Reads names such as
 * `00000_Animalia_Annelida_Clitellata_Haplotaxida_Lumbricidae_Lumbricus_terrestris`.
 */
function fromFolders(files: readonly string[], level: Level, where: string): Listed {
  const rank = RANKS.findIndex((each) => each === level);
  const samples = files.map((file) => {
    const parts = classOf(file).split('_').slice(1);
    const whole = parts.length >= RANKS.length;
    const label = level === 'species' ? parts.slice(RANKS.length - 2).join(' ') : parts[rank];
    return { name: file, file, label: whole && rank >= 0 ? label : undefined };
  });
  if (samples.every(({ label }) => label === undefined)) {
    throw new DataError({
      where,
      expected: 'folders named by their taxonomy, such as those of 2021, or annotations',
      got: files[0] ?? 'no images',
    });
  }
  return { samples, classes: unique(samples.flatMap(({ label }) => label ?? [])).sort(byCodeUnits) };
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}
