import { DataError, type HostTensor } from '@vitvq/core';
import { tensorsUnder, type LoadedCase } from '../fixture.js';

/**
 * A case whose weights belong to several modules, one after the other: for each prefix of their
 * names the case with the weights of that part, under their names without it. Each goes to the
 * first prefix that fits; '' takes what is left.
 * @throws {DataError} for weights that no prefix fits
 */
export function splitWeights(fixture: LoadedCase, prefixes: readonly string[]): LoadedCase[] {
  const weights = [...tensorsUnder(fixture.tensors, 'w')];
  const prefixOf = (name: string): string | undefined => prefixes.find((prefix) => name.startsWith(prefix));
  const unknown = weights.filter(([name]) => prefixOf(name) === undefined);
  if (unknown.length > 0) {
    throw new DataError({
      where: fixture.name,
      expected: `weights of ${prefixes.join(', ')}`,
      got: `others: ${unknown.map(([name]) => name).join(', ')}`,
    });
  }
  return prefixes.map((prefix) => ({
    ...fixture,
    tensors: new Map(
      weights.flatMap(([name, tensor]): [string, HostTensor][] =>
        prefixOf(name) === prefix ? [[`w/${name.slice(prefix.length)}`, tensor]] : [],
      ),
    ),
  }));
}
