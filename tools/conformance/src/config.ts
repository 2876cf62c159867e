import { ConfigError, toSize2D } from '@vitvq/core';
import type { BlurTaps, Padding2D } from '@vitvq/layers';
import type { Config } from './fixture.js';

/**
 * Reads the config of a case and records which keys were read. A key that is never read may change
 * the meaning of the case, so the case must not pass unnoticed.
 */
export class ConfigReader {
  readonly #where: string;
  readonly #config: Config;
  readonly #asked = new Set<string>();

  constructor(config: Config, where: string) {
    this.#config = config;
    this.#where = where;
  }

  number(name: string, fallback?: number): number {
    const value = this.#read(name) ?? fallback;
    return typeof value === 'number' ? value : this.#refuse(name, 'a number', value);
  }

  string(name: string, fallback?: string): string {
    const value = this.#read(name) ?? fallback;
    return typeof value === 'string' ? value : this.#refuse(name, 'a text', value);
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.#read(name) ?? fallback;
    return typeof value === 'boolean' ? value : this.#refuse(name, 'true or false', value);
  }

  /** Returns whether the key has `value`; otherwise the key must be null or missing. */
  optional(name: string, value: string): boolean {
    const given = this.#read(name) ?? undefined;
    return given === undefined || given === value
      ? given === value
      : this.#refuse(name, `${JSON.stringify(value)} or null`, given);
  }

  numbers(name: string, fallback: readonly number[]): readonly number[] {
    const value = this.#read(name) ?? fallback;
    if (Array.isArray(value) && value.every((item) => typeof item === 'number')) return value;
    return this.#refuse(name, 'a list of numbers', value);
  }

  /** Reads a number or `[height, width]`. */
  size(name: string): readonly [number, number] {
    const value = this.#read(name);
    if (typeof value === 'number') return toSize2D(value);
    if (Array.isArray(value) && value.length === 2 && value.every((side) => typeof side === 'number')) {
      return [value[0] as number, value[1] as number];
    }
    return this.#refuse(name, 'a number or two', value);
  }

  /** Reads a number, `[before, after]` or `[left, right, top, bottom]`. */
  padding(name: string, fallback: Padding2D): Padding2D {
    const value = this.#read(name) ?? fallback;
    if (typeof value === 'number') return value;
    const isList = Array.isArray(value) && value.every((side) => typeof side === 'number');
    if (isList && (value.length === 2 || value.length === 4)) return value as unknown as Padding2D;
    return this.#refuse(name, 'one, two or four numbers', value);
  }

  /** Reads a list of numbers, or rows of numbers. */
  taps(name: string, fallback: BlurTaps): BlurTaps {
    const value = this.#read(name) ?? fallback;
    const isNumber = (item: unknown): boolean => typeof item === 'number';
    if (
      Array.isArray(value) &&
      (value.every(isNumber) || value.every((row) => Array.isArray(row) && row.every(isNumber)))
    ) {
      return value as BlurTaps;
    }
    return this.#refuse(name, 'a list of numbers, or of such lists', value);
  }

  /** Reads a nested config. */
  section(name: string): Config {
    const value = this.#read(name);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Config;
    return this.#refuse(name, 'an object', value);
  }

  /** Marks keys as read that have no effect on the library. */
  ignore(...names: string[]): void {
    for (const name of names) this.#read(name);
  }

  /** Checks that all keys were read. @throws {ConfigError} naming those that were not */
  finish(): void {
    const unknown = Object.keys(this.#config).filter((name) => !this.#asked.has(name));
    if (unknown.length > 0) {
      throw new ConfigError({
        where: this.#where,
        expected: `a configuration of ${[...this.#asked].join(', ')}`,
        got: unknown.map((name) => `${name} ${JSON.stringify(this.#config[name])}`).join(', '),
      });
    }
  }

  #read(name: string): unknown {
    this.#asked.add(name);
    return this.#config[name];
  }

  #refuse(name: string, expected: string, value: unknown): never {
    throw new ConfigError({ where: this.#where, expected: `${name} to be ${expected}`, got: JSON.stringify(value) });
  }
}
