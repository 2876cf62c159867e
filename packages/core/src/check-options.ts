import { ConfigError } from './errors.js';
import { nearestName } from './nearest-name.js';

/** Names of the options of a function, and which of them have to be given. */
export type OptionTable<T> = { readonly [K in keyof T]-?: object extends Pick<T, K> ? 'optional' : 'required' };

/** How {@link checkOptions} takes names that are not in the table. */
export interface CheckOptionsRules {
  /**
   * Whether the options may be a part of larger ones, as those of a layer are of those of a model.
   * Then an unknown name is refused only where it resembles an option that is not given.
   * @default false
   */
  readonly allowOthers?: boolean;
}

/**
 * Returns options unchanged, once it is certain that they are an object that has the required ones
 * and no wrong name. It is the first line of whatever takes options: TypeScript does not see what
 * comes from JavaScript, from JSON or through a spread. Values are checked where they are used.
 * @param table  the names; TypeScript checks that it has every option of `T`
 * @throws {ConfigError} naming what is missing and every wrong name, with the nearest right one
 */
export function checkOptions<T extends object>(
  options: T,
  table: OptionTable<T>,
  where: string,
  { allowOthers = false }: CheckOptionsRules = {},
): T {
  const names = Object.keys(table);
  const required = names.filter((name) => table[name as keyof T] === 'required');
  if (typeof options !== 'object' || options === null) {
    const expected = required.length > 0 ? `options with ${required.join(', ')}` : 'an object with options, or nothing';
    throw new ConfigError({ where, expected, got: describe(options), fix: `Options are ${names.join(', ')}.` });
  }
  const given = options as Readonly<Record<string, unknown>>;
  const absent = names.filter((name) => given[name] === undefined);
  const unknown = Object.keys(given)
    .filter((name) => !Object.hasOwn(table, name) && given[name] !== undefined)
    .map((name) => ({ name, meant: nearestName(name, absent) }))
    .filter(({ meant }) => !allowOthers || meant !== undefined);
  const problems = [
    ...unknown.map(({ name, meant }) => `unknown option "${name}"${meant ? ` (did you mean "${meant}"?)` : ''}`),
    ...required.filter((name) => given[name] === undefined).map((name) => `no ${name}`),
  ];
  if (problems.length === 0) return options;
  throw new ConfigError({
    where,
    expected: required.length > 0 ? `options with ${required.join(', ')}` : 'options that exist',
    got: problems.join('; '),
    fix: `Options are ${names.join(', ')}.`,
  });
}

/**
 * Throws unless `value` is an object with the members that its contract asks for.
 * @param name  what the value is to the caller, such as `the tokenizer`
 * @throws {ConfigError} naming the members that are missing
 */
export function assertMembers(value: unknown, members: readonly string[], name: string, where: string): void {
  const has = (member: string): boolean => (value as Readonly<Record<string, unknown>>)[member] !== undefined;
  if (typeof value !== 'object' || value === null) {
    throw new ConfigError({
      where,
      expected: `${name} to be an object with ${members.join(', ')}`,
      got: describe(value),
    });
  }
  const missing = members.filter((member) => !has(member));
  if (missing.length === 0) return;
  const own = value.constructor?.name ?? 'Object';
  throw new ConfigError({
    where,
    expected: `${name} to have ${members.join(', ')}`,
    got: `${own === 'Object' ? 'an object' : `a ${own}`} without ${missing.join(', ')}`,
  });
}

function describe(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  return typeof value === 'string' ? JSON.stringify(value) : `a ${typeof value}`;
}
