import { ConfigError } from '@vitvq/core';

/** Throws unless `value` is a finite number above 0. @throws {ConfigError} */
export function assertPositive(value: number, name: string, where: string): void {
  if (Number.isFinite(value) && value > 0) return;
  throw new ConfigError({ where, expected: `${name} to be a finite number above 0`, got: String(value) });
}
