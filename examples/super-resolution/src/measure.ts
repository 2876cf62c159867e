import { elementCount, firstImages, type HostImages } from '@vitvq/core';
import { readImages } from '@vitvq/data';
import { reconstructionMetrics } from '@vitvq/evaluation';
import { compareImages, comparisonSchema, drawImages, trainProxyOf } from '@vitvq/example-shared';
import { z } from 'zod';
import { enlargeImages, reduceImages } from './resize.js';
import type { StageContext } from './stage-context.js';

/** Ways to restore a large image. */
export const SUBJECTS = ['bicubic', 'ours', 'noCondition', 'codes'] as const;

/** A way to restore a large image. */
export type Subject = (typeof SUBJECTS)[number];

const figuresSchema = comparisonSchema.extend({
  /** Decibels of the reduced image from the small one that was given. */
  smallPsnr: z.number(),
});

/** Figures of one way. */
export type Figures = z.output<typeof figuresSchema>;

/** What the measuring came to. */
export const measureSchema = z.strictObject({
  images: z.int(),
  /** Fraction of test images that the classifier whose features compare is right about. */
  proxyAccuracy: z.number().nullable(),
  figures: z.strictObject({
    bicubic: figuresSchema,
    ours: figuresSchema,
    noCondition: figuresSchema,
    codes: figuresSchema,
  }),
});

/** Result of the stage. */
export type MeasureResult = z.output<typeof measureSchema>;

/** Images of the test set, as they are and as each way restores them. */
export interface Restored extends Readonly<Record<Subject, HostImages>> {
  readonly real: HostImages;
  readonly small: HostImages;
}

/**
 * Restores test images from their small ones. The same settings give the same images.
 * @param count  so many, from the first; all of them by default
 */
export async function restoreImages(context: StageContext, count?: number): Promise<Restored> {
  const { settings, data } = context;
  const read = await readImages(data.test, { imageSize: data.sizes.imageSize });
  const real = count === undefined ? read : firstImages(read, count);
  const small = reduceImages(real, settings.scale);
  const drawn = await drawImages(context, real, small);
  return { real, small, bicubic: enlargeImages(small, settings.scale), ...drawn };
}

/** Measures how near each way comes to the true images. */
export async function measureImages(context: StageContext): Promise<MeasureResult> {
  const { settings, plan, signal } = context;
  const { seed, scale } = settings;
  const restored = await restoreImages(context);
  const { real, small } = restored;
  const extractor = await trainProxyOf(context);
  const smallSize = elementCount(small.shape.slice(1));
  const figuresOf = async (subject: Subject): Promise<Figures> => {
    const drawn = restored[subject];
    const reduced = reduceImages(drawn, scale);
    return {
      ...(await compareImages(real, drawn, { extractor, seed, batchSize: plan.batchSizes.evaluation, signal })),
      smallPsnr: reconstructionMetrics(small.data, reduced.data, smallSize).psnr,
    };
  };
  try {
    return {
      images: real.shape[0],
      proxyAccuracy: extractor.facts.accuracy,
      figures: {
        bicubic: await figuresOf('bicubic'),
        ours: await figuresOf('ours'),
        noCondition: await figuresOf('noCondition'),
        codes: await figuresOf('codes'),
      },
    };
  } finally {
    extractor.dispose();
  }
}
