import { formatShape } from './checks.js';

interface Shaped {
  readonly shape: readonly number[];
}

/** `[3] instead of [2]`; undefined where both have the same shape. */
export function shapeDifference(got: Shaped, expected: Shaped): string | undefined {
  const [found, wanted] = [formatShape(got.shape), formatShape(expected.shape)];
  return found === wanted ? undefined : `${found} instead of ${wanted}`;
}

/**
 * All that keeps named things from being the expected ones: names that only one side has, and pairs of a name that differ.
 * Empty when they fit.
 * @param difference  what of a pair differs, by default its shape
 * @param label  what pairs that differ are called
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
