import { ConfigError } from '@vitvq/core';

/**
 * Refuses a value that would come back from JSON as another value. JSON leaves out properties that
 * are undefined, so they are allowed.
 * @param name  name of the value in errors
 * @throws {ConfigError} naming the path to the value that JSON cannot hold
 */
export function assertJson(json: unknown, name: string, where: string): void {
  const check = (value: unknown, path: string): void => {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
    if (typeof value === 'number' && Number.isFinite(value)) return;
    if (Array.isArray(value)) {
      value.forEach((item, index) => check(item, `${path}[${index}]`));
      return;
    }
    if (typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value) as null)) {
      for (const [key, item] of Object.entries(value)) if (item !== undefined) check(item, `${path}.${key}`);
      return;
    }
    const got =
      typeof value === 'object' ? value.constructor.name : typeof value === 'number' ? String(value) : typeof value;
    throw new ConfigError({
      where,
      expected: `${path} to be something that JSON holds`,
      got,
      fix: 'Large arrays belong into tensors; write numbers that may be infinite or NaN as strings or null.',
    });
  };
  check(json, name);
}
