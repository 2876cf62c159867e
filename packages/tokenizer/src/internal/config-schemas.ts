import { z } from 'zod';

/** Not `z.int()`, at whose problems zod stops: here all have to be told. */
export const integer = (minimum: number): z.ZodNumber =>
  z.number().refine((value) => Number.isSafeInteger(value) && value >= minimum, {
    error: `expected an integer of at least ${minimum}`,
  });

export const positive = integer(1);

export const size2D = z.union([positive, z.tuple([positive, positive]).readonly()]);

export const pixelNormalizationSchema = z.strictObject({ mean: z.number(), deviation: z.number().gt(0) }).optional();

/** Whether these options are right on their own, so that it makes sense to ask if they fit together. */
export function areValid(shape: z.core.$ZodShape): { when: (payload: z.core.ParsePayload) => boolean } {
  const schema = z.object(shape);
  return { when: ({ value }) => z.safeParse(schema, value).success };
}
