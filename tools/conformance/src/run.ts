import type { Adapter } from './adapters/adapter.js';
import type { Comparison } from './compare.js';
import type { Execute } from './execute.js';
import { loadCase, type FixtureCase } from './fixture.js';
import { leftOutReason } from './left-out.js';

export interface CaseResult {
  readonly name: string;
  readonly module: string;
  readonly status: 'pass' | 'miss' | 'left out';
  readonly comparisons: readonly Comparison[];
  /** Why a case missed or was left out, or what of it was not compared. */
  readonly reason?: string;
}

export interface RunOptions {
  readonly folder: string;
  readonly adapters: ReadonlyMap<string, Adapter>;
  readonly execute: Execute;
}

/** Runs one case. Whatever goes wrong is a miss, never an exception. */
export async function runCase(fixture: FixtureCase, { folder, adapters, execute }: RunOptions): Promise<CaseResult> {
  const { name, module } = fixture;
  const result = { name, module, comparisons: [] };
  const leftOut = leftOutReason(fixture);
  if (leftOut !== undefined) return { ...result, status: 'left out', reason: leftOut };
  const adapter = adapters.get(module);
  if (!adapter) return { ...result, status: 'miss', reason: 'nothing of the library is compared with this module yet' };
  try {
    const { comparisons, notCompared } = await adapter(await loadCase(folder, fixture), execute);
    if (comparisons.length === 0) return { ...result, status: 'miss', reason: 'the case expects nothing' };
    const missed = comparisons.filter(({ ratio }) => !(ratio <= 1));
    if (missed.length === 0) {
      const reason = notCompared === undefined ? undefined : `not compared: ${notCompared}`;
      return { ...result, status: 'pass', comparisons, reason };
    }
    const problems = missed.map((comparison) => `${comparison.name}: ${comparison.problem ?? 'too far off'}`);
    return { ...result, status: 'miss', comparisons, reason: problems.join('\n') };
  } catch (error) {
    return {
      ...result,
      status: 'miss',
      reason: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    };
  }
}
