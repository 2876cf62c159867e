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
  const [leftText, rightText] = [text(left), text(right)];
  return leftText === rightText ? [] : [{ path, left: leftText, right: rightText }];
}

/** Whether a path, or one that it lies below, is among those allowed. */
export function isAllowed(path: string, allowed: boolean | readonly string[]): boolean {
  if (typeof allowed === 'boolean') return allowed;
  return allowed.some((prefix) => path === prefix || path.startsWith(`${prefix}.`));
}

/** `a 1 instead of 2; b 3 instead of 4` */
export function listDifferences(list: readonly Difference[]): string {
  return list.map(({ path, left, right }) => `${path} ${left} instead of ${right}`).join('; ');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function text(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
