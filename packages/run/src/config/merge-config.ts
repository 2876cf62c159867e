/** Plain data of a config: what YAML and JSON hold. */
export type ConfigValue = null | boolean | number | string | readonly ConfigValue[] | ConfigObject;

/** An object of a config. */
export interface ConfigObject {
  readonly [name: string]: ConfigValue;
}

/** Fields that name what the rest of an object is about. */
const kindFields = ['kind', 'architecture'] as const;

/** Fields of which an object has one: naming one takes the other's place. */
const alternatives: readonly (readonly [string, string])[] = [
  ['from', 'model'],
  ['from', 'training'],
  ['steps', 'minutes'],
  ['step', 'fraction'],
  ['everySteps', 'everySeconds'],
];

/** Returns whether a value of a config is an object with names. */
export function isConfigObject(value: unknown): value is ConfigObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Lays one config over another. Objects are merged field by field, everything else replaces what
 * was there. An object of another `kind` (or `architecture`) replaces the whole object, since the
 * fields of one kind mean nothing to another; of alternatives, such as `steps` and `minutes`, the
 * one that is named last counts.
 */
export function mergeConfigs(base: ConfigValue | undefined, over: ConfigValue): ConfigValue {
  if (!isConfigObject(base) || !isConfigObject(over) || isOfAnotherKind(base, over)) return over;
  const merged: Record<string, ConfigValue> = { ...base };
  for (const [name, value] of Object.entries(over)) {
    for (const other of alternatives.filter((pair) => pair.includes(name)).flat()) {
      if (other !== name && !(other in over)) delete merged[other];
    }
    merged[name] = mergeConfigs(base[name], value);
  }
  return merged;
}

function isOfAnotherKind(base: ConfigObject, over: ConfigObject): boolean {
  return kindFields.some((field) => over[field] !== undefined && base[field] !== over[field]);
}
