import { z } from 'zod';
import { openPairedFolders } from '../paired-folders.js';
import { decodingOf, encodedFields, pathSchema, sourceKind } from './source-kind.js';

/** Two folders whose images belong together by name: `openPairedFolders`. */
export const pairedFolders = sourceKind({
  schema: z.strictObject({
    kind: z.literal('paired-folders'),
    images: pathSchema,
    conditions: pathSchema,
    conditionResampling: z.enum(['smooth', 'nearest']).default('nearest'),
    check: z.enum(['header', 'pixels', 'none']).default('header'),
    followLinks: z.boolean().default(false),
    ...encodedFields,
  }),
  open: async ({ images, conditions, conditionResampling, check, followLinks, ...config }, context) => {
    const opened = await openPairedFolders(context.resolve(images), context.resolve(conditions), {
      check,
      followLinks,
      ...decodingOf(config, context),
      conditions: { resampling: conditionResampling },
      onSkip: () => undefined,
    });
    return { dataset: opened.images, conditions: opened.conditions, skipped: opened.skipped };
  },
});
