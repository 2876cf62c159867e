import { maximumSize } from '@vitvq/core';
import { z } from 'zod';

/**
 * Returns the schema of a whole number. `z.int()` is not used: zod stops at its problems, and here
 * all problems are told together.
 */
export function integer(minimum: number): z.ZodNumber {
  return z.number().refine((value) => Number.isInteger(value) && value >= minimum && value <= maximumSize, {
    error: `expected an integer of at least ${minimum}`,
  });
}
