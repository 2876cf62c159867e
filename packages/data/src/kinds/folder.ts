import { z } from 'zod';
import { openImageFolder } from '../image-folder.js';
import { decodingOf, encodedFields, pathSchema, sourceKind } from './source-kind.js';

/** Images of a folder and its sub-folders, which are their classes: `openImageFolder`. */
export const folder = sourceKind({
  schema: z.strictObject({
    kind: z.literal('folder'),
    path: pathSchema,
    minimumSize: z.union([z.int().min(1), z.tuple([z.int().min(1), z.int().min(1)])]).default(1),
    check: z.enum(['header', 'pixels', 'none']).default('header'),
    ...encodedFields,
  }),
  open: async ({ path, minimumSize, check, ...config }, context) => {
    const dataset = await openImageFolder(context.resolve(path), {
      minimumSize,
      check,
      ...decodingOf(config, context),
      // What is left out is reported once, for every kind alike.
      onSkip: () => undefined,
    });
    return { dataset, skipped: dataset.skipped };
  },
});
