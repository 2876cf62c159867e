import type { z } from 'zod';
import { ConfigError } from './errors.js';
import { nearestName } from './nearest-name.js';

/**
 * Checks a value against a schema and returns it with the schema's defaults filled in.
 * @throws {ConfigError} listing every problem with its path, and unknown keys with the nearest name
 */
export function parseOptions<S extends z.ZodType>(schema: S, value: unknown, where: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues
    .flatMap((issue) => meantIssues(issue, value))
    .map((issue) => describeIssue(issue, value, schema));
  throw new ConfigError({
    where,
    expected: 'options that fit together',
    got: problems.length === 1 ? problems[0]! : `${problems.length} problems: ${problems.join('; ')}`,
  });
}

/**
 * Returns the problems of the alternative that an object was meant to be: the one with the most of
 * its names. zod says of such a value only that no alternative fits.
 */
function meantIssues(issue: z.core.$ZodIssue, value: unknown): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union' || issue.message !== 'Invalid input' || issue.errors.length === 0) return [issue];
  const got = valueAt(issue.path, value);
  if (typeof got !== 'object' || got === null) return [issue];
  const unknownNames = (issues: readonly z.core.$ZodIssue[]): number =>
    issues.reduce(
      (sum, { code, path, ...rest }) =>
        sum + (code === 'unrecognized_keys' && path.length === 0 ? ('keys' in rest ? rest.keys.length : 0) : 0),
      0,
    );
  const nearest = issue.errors.reduce((best, errors) => (unknownNames(errors) < unknownNames(best) ? errors : best));
  return nearest
    .map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }))
    .flatMap((inner) => meantIssues(inner, value));
}

function describeIssue(issue: z.core.$ZodIssue, value: unknown, schema: z.ZodType): string {
  const path = issue.path.map(String).join('.');
  const got = valueAt(issue.path, value);
  if (issue.code === 'unrecognized_keys') {
    const known = namesAt(schema, issue.path, value);
    const absent = known.filter((name) => (got as Record<string, unknown>)[name] === undefined);
    return issue.keys
      .map((key) => {
        const meant = meantName(key, known, absent);
        return `unknown option "${path ? `${path}.` : ''}${key}"${meant === undefined ? '' : ` (did you mean "${meant}"?)`}`;
      })
      .join('; ');
  }
  const message = issue.message.replace(/^(Invalid input|Too small|Too big): /, '');
  // JSON cannot represent NaN and infinities.
  const shown = typeof got === 'number' ? String(got) : (JSON.stringify(got) ?? String(got));
  return `${path || 'options'} is ${shown}: ${message}`;
}

/**
 * Returns the name that was probably meant: the same but for case, one that is not there yet, or
 * one that is there and almost the same, which was to be set again.
 */
function meantName(key: string, known: readonly string[], absent: readonly string[]): string | undefined {
  const same = known.find((name) => name.toLowerCase() === key.toLowerCase());
  const alike = known.filter((name) => Math.abs(name.length - key.length) <= 2);
  return same ?? nearestName(key, absent) ?? nearestName(key, alike);
}

function valueAt(path: readonly PropertyKey[], value: unknown): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
}

/** Returns the names that a schema knows at a path, those of all alternatives together. */
function namesAt(schema: z.core.$ZodType, path: readonly PropertyKey[], value: unknown): string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'prefault':
    case 'nullable':
    case 'readonly':
      return namesAt(def.innerType, path, value);
    case 'pipe':
      return namesAt(def.in, path, value);
    case 'lazy':
      return namesAt(def.getter(), path, value);
    case 'union':
      return def.options
        .filter((option) => isMeant(option, def, value))
        .flatMap((option) => namesAt(option, path, value));
    case 'array':
      return namesAt(def.element, path.slice(1), valueAt(path.slice(0, 1), value));
    case 'object': {
      const [key, ...rest] = path;
      if (key === undefined) return Object.keys(def.shape);
      const inner = def.shape[key as string];
      return inner === undefined ? [] : namesAt(inner, rest, valueAt([key], value));
    }
    default:
      return [];
  }
}

/** Returns whether a value chose an alternative by the field that tells alternatives apart. */
function isMeant(
  option: z.core.$ZodType,
  def: z.core.$ZodUnionDef & { readonly discriminator?: string },
  value: unknown,
): boolean {
  const { discriminator } = def;
  if (discriminator === undefined) return true;
  return option._zod.propValues?.[discriminator]?.has(valueAt([discriminator], value) as z.core.util.Primitive) ?? true;
}
