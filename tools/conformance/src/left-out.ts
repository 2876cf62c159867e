import type { FixtureCase } from './fixture.js';

interface LeftOut {
  /** Exact name of the module, or its beginning. */
  readonly module: string | RegExp;
  /** Of what the manifest says of the reference's code; without, whatever it says. */
  readonly reference?: RegExp;
  readonly reason: string;
}

/** The manifest says which code made a case: the reference's own, or a corrected one. */
interface CaseOfReference extends FixtureCase {
  readonly reference?: unknown;
}

/**
 * What is left out on purpose: by module and by what was run, never by the name of a case, because
 * other folders of cases have other names and sizes. Whoever adds a part to the library takes its
 * line out.
 */
const leftOut: readonly LeftOut[] = [
  {
    module: 'RQTransformer',
    reference: /^as-is.*cumsum\(-1\)/,
    reason:
      "the reference's mistaken sum over channels; ours is over depth, which the cases of the corrected code check",
  },
];

/** Why a case is left out on purpose; undefined for one that must pass. */
export function leftOutReason({ module, reference }: CaseOfReference): string | undefined {
  return leftOut.find(
    (entry) =>
      (typeof entry.module === 'string' ? entry.module === module : entry.module.test(module)) &&
      (entry.reference?.test(String(reference)) ?? true),
  )?.reason;
}
