import { maximumSize } from '@vitvq/core';
import { z } from 'zod';

/**
 * Returns the schema of a whole number. `z.int()` is not used: zod stops at its problems, and here
 * all problems are told together.
 */
export function integer(minimum: number, maximum = maximumSize): z.ZodNumber {
  return z.number().refine((value) => Number.isInteger(value) && value >= minimum && value <= maximum, {
    error: ({ input }) => {
      if (maximum !== maximumSize) return `expected an integer from ${minimum} to ${maximum}`;
      const isLarge = typeof input === 'number' && input > maximum;
      return `expected an integer of ${isLarge ? `at most ${maximum}` : `at least ${minimum}`}`;
    },
  });
}

/** Schema of a number of at least 0. */
export const nonNegative = z.number().min(0);

/** Schema of a temperature. */
export const temperature = z.number().gt(0);

/** Schema of how a table's codes pass their gradient on. */
const codeGradient = z.enum(['straight-through', 'rotation']);

/** Fields of every kind with a table of codes. */
export const tableSize = {
  /** Number of codes, K. */
  codebookSize: integer(2),
  /** Width of a code, E. */
  codeDim: integer(1),
};

/** Fields of the kinds that choose the nearest of learned codes, `vector` and `ema`. */
export const nearestCodeFields = {
  ...tableSize,
  /** Weight of the commitment term. @default 0.25 */
  beta: nonNegative.optional(),
  /** Whether features and codes are l2-normalised. @default true */
  normalize: z.boolean().optional(),
  /** Whether training counts the use of codes, which `codebook.reset` needs. @default false */
  trackUsage: z.boolean().optional(),
  /** How `quantized` passes its gradient to `z`. @default 'straight-through' */
  gradient: codeGradient.optional(),
  /** Temperature at which training draws codes. @default the nearest code is chosen */
  sampleTemperature: temperature.optional(),
  /** Weight of the diversity term. @default 0 */
  diversityWeight: nonNegative.optional(),
  /** Temperature of the probabilities in the diversity term. @default 0.02 */
  diversityTemperature: temperature.optional(),
};
