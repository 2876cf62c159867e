import type { FixtureCase } from './fixture.js';

interface LeftOut {
  /** Exact name of the module, or a prefix. */
  readonly module: string | RegExp;
  /** Matches the manifest's description of the reference's code; if missing, any fits. */
  readonly reference?: RegExp;
  readonly reason: string;
}

/** The manifest states which code computed a case: the reference's own, or a corrected version. */
interface CaseOfReference extends FixtureCase {
  readonly reference?: unknown;
}

/**
 * Cases that are left out on purpose, by module and by the code that was run. Names of cases are
 * not used, because other folders of cases have other names and sizes. Remove the line of a part
 * when the library has it.
 */
const leftOut: readonly LeftOut[] = [
  {
    module: 'RQTransformer',
    reference: /^as-is.*cumsum\(-1\)/,
    reason:
      "the reference's mistaken sum over channels; ours is over depth, which the cases of the corrected code check",
  },
];

/** Returns why a case is left out, or undefined for a case that must pass. */
export function leftOutReason({ module, reference }: CaseOfReference): string | undefined {
  return leftOut.find(
    (entry) =>
      (typeof entry.module === 'string' ? entry.module === module : entry.module.test(module)) &&
      (entry.reference?.test(String(reference)) ?? true),
  )?.reason;
}
