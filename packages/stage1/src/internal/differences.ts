/** Where two JSON values differ. */
export interface Difference {
  readonly path: string;
  readonly left: string;
  readonly right: string;
}

/** Leaves that differ, by dotted path. */
export function differences(left: unknown, right: unknown, path = ''): Difference[] {
  if (isObject(left) && isObject(right)) {
    return [...new Set([...Object.keys(left), ...Object.keys(right)])].flatMap((key) =>
      differences(left[key], right[key], path ? `${path}.${key}` : key),
    );
  }
  const [leftText, rightText] = [String(JSON.stringify(left)), String(JSON.stringify(right))];
  return leftText === rightText ? [] : [{ path, left: leftText, right: rightText }];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
