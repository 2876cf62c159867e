import { z } from 'zod';
import { classifierStageSchema } from './classifier-run-config.js';
import { runConfigSchema } from './run-config.js';

/**
 * Returns the JSON schema of the config of a run of any kind, for editors: they complete names,
 * show the choices and mark what is unknown. Every field is optional in it, because a config may
 * take it from one that it extends.
 */
export function runJsonSchema(): Record<string, unknown> {
  const all = z.strictObject({ ...runConfigSchema.shape, classifier: classifierStageSchema });
  const schema = z.toJSONSchema(all, { io: 'input', unrepresentable: 'any', reused: 'ref' });
  const { properties, ...rest } = withoutRequired(schema) as { properties: object };
  const name = { type: 'string' };
  const bases = { description: 'Configs that this one is laid over.', anyOf: [name, { type: 'array', items: name }] };
  return { ...rest, title: 'Config of a vitvq run', properties: { $schema: name, extends: bases, ...properties } };
}

function withoutRequired(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutRequired);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([name, inner]) => name !== 'required' || !Array.isArray(inner));
  return Object.fromEntries(entries.map(([name, inner]) => [name, withoutRequired(inner)]));
}
