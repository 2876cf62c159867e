import { foldIn, randomKey, UnusableImageError, type SourceImage } from '@vitvq/core';
import { z } from 'zod';
import type { ImageDataset } from '../image-dataset.js';
import { completeSource } from '../internal/complete-source.js';
import { decodeWhole } from '../internal/decode-image.js';
import { degrade, degradationSchema, type Degradation } from '../internal/degrade.js';
import { limited } from '../internal/limited.js';
import { commonFields, sourceKind, type OpenedSource, type SourceContext } from './source-kind.js';

/** Images that are degraded side by side; each is decoded as a whole. */
const DEGRADED_AT_ONCE = 4;

/**
 * Pairs for super-resolution: images of another source, and the same images made worse as their
 * condition images. An image is made worse in the same way in each epoch.
 * @param schema  schema of the sources of images
 * @param open  opens such a source
 */
export function superResolutionKind<Output, Input>(
  schema: z.ZodType<Output, Input>,
  open: (config: Output, context: SourceContext) => Promise<OpenedSource>,
) {
  return sourceKind({
    schema: z.strictObject({
      kind: z.literal('super-resolution'),
      images: schema,
      degradation: degradationSchema.prefault({}),
      seed: z.int().min(0).default(0),
      ...commonFields,
    }),
    open: async ({ images, degradation, seed }, context) => {
      const { dataset, skipped } = await open(images, context);
      return { dataset, skipped, conditions: degraded(dataset, degradation, seed) };
    },
  });
}

function degraded(dataset: ImageDataset, degradation: Degradation, seed: number): ImageDataset {
  const { length, name, decoding } = dataset;
  const key = randomKey(seed);
  const inTurn = limited(DEGRADED_AT_ONCE);
  const read = async (index: number): Promise<SourceImage> => {
    const image = await dataset.read(index);
    const whole = 'pixels' in image ? { ...image, channels: 3 } : await decodeWhole(image, decoding);
    return degrade(whole, degradation, foldIn(key, index));
  };
  const { channels } = dataset;
  return completeSource(
    {
      name: `${name}, degraded`,
      length,
      decoding,
      identity: `${dataset.identity} ${JSON.stringify({ degradation, seed })}`,
      nameOf: dataset.nameOf && ((index) => dataset.nameOf!(index)),
      read: (index) => {
        if (channels !== 3) throw new UnusableImageError(`it has ${channels} channels instead of 3`);
        return inTurn(() => read(index));
      },
    },
    name,
  );
}
