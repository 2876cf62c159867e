import { checkOptions, type OptionTable } from '@vitvq/core';
import type { ReportSection } from '../report-content.js';
import type { EngineFacts } from '../report-facts.js';

/** Options of {@link configSection}. */
export interface ConfigSectionOptions {
  /** Engine of the run, for the caption of the table. */
  readonly engine?: EngineFacts;
}

const configSectionOptionNames: OptionTable<ConfigSectionOptions> = {
  engine: 'optional',
};

/** Shows the config of a run as a table; nested objects have dotted names. */
export function configSection(config: object, options: ConfigSectionOptions = {}): ReportSection {
  const { engine } = checkOptions(options, configSectionOptionNames, 'configSection');
  return {
    title: 'Config',
    blocks: [{ kind: 'table', rows: configRows(config), ...(engine && { caption: captionOf(engine) }) }],
  };
}

/** Returns the rows of a table: dotted names and values of a nested config, in its order. */
export function configRows(config: object, prefix = ''): [string, string][] {
  return Object.entries(config).flatMap(([key, value]: [string, unknown]): [string, string][] => {
    const name = `${prefix}${key}`;
    if (value === undefined) return [];
    if (Array.isArray(value)) return [[name, value.map((item) => scalarText(item)).join(', ')]];
    if (typeof value === 'object' && value !== null) return configRows(value, `${name}.`);
    return [[name, scalarText(value)]];
  });
}

function scalarText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
}

function captionOf({ name, threads, description }: EngineFacts): string {
  const text = threads === undefined ? name : `${name}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return description ? `${text}: ${description}` : text;
}
