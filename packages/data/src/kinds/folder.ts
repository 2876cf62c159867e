import { z } from 'zod';
import { openImageFolder, type ImageFolder } from '../image-folder.js';
import { TEXT_EXTENSION } from '../internal/caption-files.js';
import { countsOf } from '../internal/report-skipped.js';
import { classesOf, classesSchema, decodingOf, encodedFields, pathSchema, sourceKind } from './source-kind.js';

/** Images of a folder and its sub-folders, which are their classes: `openImageFolder`. */
export const folder = sourceKind({
  schema: z.strictObject({
    kind: z.literal('folder'),
    path: pathSchema,
    minimumSize: z.union([z.int().min(1), z.tuple([z.int().min(1), z.int().min(1)])]).default(1),
    check: z.enum(['header', 'pixels', 'none']).default('header'),
    classes: classesSchema.optional(),
    followLinks: z.boolean().default(false),
    captions: z.boolean().default(false),
    ...encodedFields,
  }),
  open: async ({ path, minimumSize, check, classes, followLinks, captions, ...config }, context) => {
    const dataset = await openImageFolder(context.resolve(path), {
      minimumSize,
      check,
      classes: (await classesOf(classes, context)) ?? context.classes,
      followLinks,
      captions,
      ...decodingOf(config, context),
      // What is left out is reported once, for every kind alike.
      onSkip: () => undefined,
    });
    const unread = unreadFiles(dataset, captions);
    if (unread.size > 0) context.say(`${path}: not read: ${countsOf(unread)}`);
    return { dataset, skipped: dataset.skipped };
  },
});

/** Returns the numbers of files that are neither images nor texts of images that are read. */
function unreadFiles({ others, length }: ImageFolder, captions: boolean): ReadonlyMap<string, number> {
  if (!captions) return others;
  const texts = (others.get(TEXT_EXTENSION) ?? 0) - length;
  const rest = [...others].filter(([extension]) => extension !== TEXT_EXTENSION);
  return new Map(texts > 0 ? [...rest, [TEXT_EXTENSION, texts]] : rest);
}
