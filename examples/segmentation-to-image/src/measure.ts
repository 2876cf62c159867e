import { firstImages, type HostImages } from '@vitvq/core';
import { readImages } from '@vitvq/data';
import { compareImages, comparisonSchema, drawImages, trainProxyOf, type DrawnImages } from '@vitvq/example-shared';
import { z } from 'zod';
import { agreement, meanColorsOf, partsOfImages, partsOfMaps } from './parts-of-pixels.js';
import type { StageContext } from './stage-context.js';

/** Ways to draw an image. */
export const SUBJECTS = ['ours', 'noCondition', 'codes'] as const;

/** A way to draw an image. */
export type Subject = (typeof SUBJECTS)[number];

const figuresSchema = comparisonSchema.extend({
  /** Fraction of pixels that look like the part that the map has there. */
  agreement: z.number(),
});

/** Figures of one way. */
export type Figures = z.output<typeof figuresSchema>;

/** What the measuring came to. */
export const measureSchema = z.strictObject({
  images: z.int(),
  /** Fraction of test scenes that the classifier whose features compare is right about. */
  proxyAccuracy: z.number().nullable(),
  /** Agreement of the painted scenes themselves with their maps. */
  realAgreement: z.number(),
  figures: z.strictObject({ ours: figuresSchema, noCondition: figuresSchema, codes: figuresSchema }),
});

/** Result of the stage. */
export type MeasureResult = z.output<typeof measureSchema>;

/** Test scenes with their maps, and what was drawn of them. */
export interface Drawn extends DrawnImages {
  readonly real: HostImages;
  readonly maps: HostImages;
}

/**
 * Draws test scenes from their maps. The same settings give the same images.
 * @param count  so many, from the first; all of them by default
 */
export async function drawScenes(context: StageContext, count = Infinity): Promise<Drawn> {
  const { data } = context;
  const { imageSize } = data.sizes;
  const real = firstImages(await readImages(data.test, { imageSize }), count);
  const maps = firstImages(await readImages(data.conditions.test, { imageSize }), count);
  return { real, maps, ...(await drawImages(context, real, maps)) };
}

/** Measures how well the drawn scenes follow their maps, and how near they come to painted ones. */
export async function measureScenes(context: StageContext): Promise<MeasureResult> {
  const { settings, plan, signal } = context;
  const drawn = await drawScenes(context);
  const { real, maps } = drawn;
  const parts = partsOfMaps(maps);
  const colors = meanColorsOf(real, parts);
  const extractor = await trainProxyOf(context);
  const options = { extractor, seed: settings.seed, batchSize: plan.batchSizes.evaluation, signal };
  const agreementOf = (images: HostImages): number => agreement(partsOfImages(images, colors), parts);
  const figuresOf = async (subject: Subject): Promise<Figures> => ({
    ...(await compareImages(real, drawn[subject], options)),
    agreement: agreementOf(drawn[subject]),
  });
  try {
    return {
      images: real.shape[0],
      proxyAccuracy: extractor.facts.accuracy,
      realAgreement: agreementOf(real),
      figures: {
        ours: await figuresOf('ours'),
        noCondition: await figuresOf('noCondition'),
        codes: await figuresOf('codes'),
      },
    };
  } finally {
    extractor.dispose();
  }
}
