import { z } from 'zod';

/**
 * Returns the schema of a whole number. `z.int()` is not used: zod stops at its problems, and here
 * all problems are told together.
 */
export function integer(minimum: number, maximum = Number.MAX_SAFE_INTEGER): z.ZodNumber {
  const range = maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
  return z.number().refine((value) => Number.isSafeInteger(value) && value >= minimum && value <= maximum, {
    error: `expected an integer ${range}`,
  });
}

/** Schema of a number of at least 0. */
export const nonNegative = z.number().min(0);

/** Schema of a temperature. */
export const temperature = z.number().gt(0);

/** Schema of how a table's codes pass their gradient on. */
export const codeGradient = z.enum(['straight-through', 'rotation']);

/** Fields of every kind with a table of codes. */
export const tableSize = {
  /** Number of codes, K. */
  codebookSize: integer(2),
  /** Width of a code, E. */
  codeDim: integer(1),
};
