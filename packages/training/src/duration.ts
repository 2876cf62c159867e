import { z } from 'zod';

/**
 * Length of a run. `steps`: the run is exactly reproducible. `minutes`: as many steps as fit, with
 * a learning rate that follows the fraction of the time that has passed, so that the rate always
 * comes down to its end; the time covers everything that the trainer does, compiling included.
 */
export type Duration = { readonly steps: number } | { readonly minutes: number };

/** Schema of {@link Duration}. */
export const durationSchema = z.union(
  [z.strictObject({ steps: z.int().min(1) }), z.strictObject({ minutes: z.number().gt(0) })],
  { error: 'expected { steps: an integer of at least 1 } or { minutes: a number above 0 }' },
);
