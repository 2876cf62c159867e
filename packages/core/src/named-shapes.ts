import { formatShape } from './checks.js';

interface Shaped {
  readonly shape: readonly number[];
}

/** Returns `[3] instead of [2]`, or undefined when both shapes are equal. */
export function shapeDifference(got: Shaped, expected: Shaped): string | undefined {
  const [found, wanted] = [formatShape(got.shape), formatShape(expected.shape)];
  return found === wanted ? undefined : `${found} instead of ${wanted}`;
}

/**
 * Lists how named items differ from the expected ones: names that only one side has, and items of
 * the same name that differ. The list is empty when they match.
 * @param difference  describes how two items of a name differ, by default in shape
 * @param label  heading of the items that differ
 */
export function namedDifferences<Expected extends Shaped, Got extends Shaped>(
  expected: ReadonlyMap<string, Expected>,
  got: ReadonlyMap<string, Got>,
  difference: (got: Got, expected: Expected) => string | undefined = shapeDifference,
  label = 'wrong shape',
): string[] {
  const missing = [...expected.keys()].filter((name) => !got.has(name));
  const unexpected = [...got.keys()].filter((name) => !expected.has(name));
  const different = [...expected].flatMap(([name, wanted]) => {
    const found = got.get(name);
    const problem = found && difference(found, wanted);
    return problem === undefined ? [] : [`${name} ${problem}`];
  });
  const kinds = Object.entries({ missing, unexpected, [label]: different });
  return kinds.filter(([, names]) => names.length > 0).map(([kind, names]) => `${kind}: ${names.join(', ')}`);
}
