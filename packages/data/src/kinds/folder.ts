import { z } from 'zod';
import { openImageFolder } from '../image-folder.js';
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
    if (dataset.others.size > 0) context.say(`${path}: not read: ${countsOf(dataset.others)}`);
    return { dataset, skipped: dataset.skipped };
  },
});
