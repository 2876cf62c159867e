import { maximumSize } from '@vitvq/core';
import { z } from 'zod';

/**
 * Returns the schema of an integer from `minimum` to `maximum`. zod stops at the problems of its
 * own `z.int()`; with this schema all problems of a config are reported.
 */
export const integer = (minimum: number, maximum = maximumSize): z.ZodNumber =>
  z.number().refine((value) => Number.isInteger(value) && value >= minimum && value <= maximum, {
    error: ({ input }) => {
      const isLarge = typeof input === 'number' && input > maximum;
      return `expected an integer of ${isLarge ? `at most ${maximum}` : `at least ${minimum}`}`;
    },
  });

/** Schema of an integer above 0. */
export const positive = integer(1);

/** Schema of a size in pixels: one number, or `[height, width]`. */
export const size2D = z.union([positive, z.tuple([positive, positive]).readonly()]);

/** Schema of the normalization of pixels. */
export const pixelNormalizationSchema = z.strictObject({ mean: z.number(), deviation: z.number().gt(0) }).optional();

/**
 * Returns the condition of a refinement: that these options are right on their own, so that it
 * makes sense to ask whether they fit together.
 */
export function areValid(shape: z.core.$ZodShape): { when: (payload: z.core.ParsePayload) => boolean } {
  const schema = z.object(shape);
  return { when: ({ value }) => z.safeParse(schema, value).success };
}
