import { formatShape } from '@vitvq/core';

export type Shapes = ReadonlyMap<string, readonly number[]>;

/** Shapes by name, of variables or of a file's entries. */
export function shapesOf(items: Iterable<readonly [string, { readonly shape: readonly number[] }]>): Shapes {
  return new Map([...items].map(([name, { shape }]) => [name, shape]));
}

/** What differs, all of it; empty when the same names have the same shapes. */
export function shapeProblems(expected: Shapes, got: Shapes): string[] {
  const missing = [...expected.keys()].filter((name) => !got.has(name));
  const unexpected = [...got.keys()].filter((name) => !expected.has(name));
  const misshaped = [...expected].flatMap(([name, shape]) => {
    const other = got.get(name);
    if (!other || formatShape(other) === formatShape(shape)) return [];
    return [`${name} ${formatShape(other)} instead of ${formatShape(shape)}`];
  });
  return [
    missing.length ? `missing: ${missing.join(', ')}` : '',
    unexpected.length ? `unexpected: ${unexpected.join(', ')}` : '',
    misshaped.length ? `wrong shape: ${misshaped.join(', ')}` : '',
  ].filter(Boolean);
}
