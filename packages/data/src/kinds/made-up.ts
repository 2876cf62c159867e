import { z } from 'zod';
import { madeUpImages } from '../made-up-images.js';
import { commonFields, sourceKind } from './source-kind.js';

/** Drawn images of three classes, to try a config on without any data: `madeUpImages`. */
export const madeUp = sourceKind({
  schema: z.strictObject({
    kind: z.literal('made-up'),
    count: z.int().min(1).max(100_000),
    imageSize: z.int().min(1).max(4096).default(16),
    from: z.int().min(0).default(0),
    ...commonFields,
  }),
  open: ({ count, imageSize, from }) =>
    Promise.resolve({ dataset: madeUpImages({ count, imageSize, from }), skipped: [] }),
});
