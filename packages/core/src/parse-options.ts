import type { z } from 'zod';
import { ConfigError } from './errors.js';

/**
 * Checks a value against a schema and returns it with the schema's defaults filled in.
 * @throws {ConfigError} listing every problem with its path, unknown keys included
 */
export function parseOptions<S extends z.ZodType>(schema: S, value: unknown, where: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => describeIssue(issue, value));
  throw new ConfigError({
    where,
    expected: 'options that fit together',
    got: problems.length === 1 ? problems[0]! : `${problems.length} problems: ${problems.join('; ')}`,
  });
}

function describeIssue(issue: z.core.$ZodIssue, value: unknown): string {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `unknown option "${path ? `${path}.` : ''}${key}"`).join('; ');
  }
  const got = issue.path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
  const message = issue.message.replace(/^(Invalid input|Too small|Too big): /, '');
  // JSON cannot represent NaN and infinities.
  const shown = typeof got === 'number' ? String(got) : (JSON.stringify(got) ?? String(got));
  return `${path || 'options'} is ${shown}: ${message}`;
}
