import type { HostTensor } from '@vitvq/core';
import { compareCase, type Comparison } from '../compare.js';
import type { Execute } from '../execute.js';
import type { LoadedCase } from '../fixture.js';

/** What came of a case: comparisons, and which of its values were not compared, with the reason. */
interface Outcome {
  readonly comparisons: readonly Comparison[];
  readonly notCompared?: string;
}

/**
 * Runs a case of one module of the reference with what the library has for it. Throws for what it
 * cannot run.
 */
export type Adapter = (fixture: LoadedCase, execute: Execute) => Promise<Outcome>;

/**
 * An adapter that produces the tensors of the case, by the names and in the layouts of its file.
 */
export function tensorAdapter(
  produce: (fixture: LoadedCase, execute: Execute) => Promise<ReadonlyMap<string, HostTensor>>,
): Adapter {
  return async (fixture, execute) => ({ comparisons: compareCase(fixture, await produce(fixture, execute)) });
}
