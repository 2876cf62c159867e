import { platform } from '#platform';
import type { Backend } from './backend/backend.js';
import { currentEngine, probeEngine, useEngine, type Engine } from './engines.js';
import {
  engineNames,
  firstLine,
  type EngineDetails,
  type EngineDevice,
  type EngineName,
  type SystemFacts,
} from './engines/engine-definition.js';
import { EngineError } from './errors.js';
import type { Precision } from './passes/narrow-products.js';
import { precisionsOf } from './precision.js';

/** Which engine runs here, and what the other engines lack. */
export interface DoctorReport {
  readonly chosen: EngineName;
  /** Reason of the choice. */
  readonly reason: string;
  readonly threads: number;
  readonly engines: readonly {
    readonly name: EngineName;
    readonly available: boolean;
    /** Runtime with versions, or why the engine does not work here. */
    readonly detail: string;
    /** Types in which the engine computes matrix products and convolutions, where it works. */
    readonly precisions?: readonly Precision[];
    /** How to get the engine, where it does not work. */
    readonly fix?: string;
    /** Devices that the engine computes on, where it names them; the first is used. */
    readonly devices?: readonly EngineDevice[];
  }[];
  readonly system: SystemFacts;
}

/** Examines every engine; starts the automatic choice where none is running. */
export async function doctor(): Promise<DoctorReport> {
  const chosen = currentEngine() ?? (await useEngine());
  const engines: DoctorReport['engines'][number][] = [];
  for (const name of engineNames) engines.push(await examine(name, chosen));
  const { name, reason, threads } = chosen;
  return { chosen: name, reason, threads, engines, system: await platform.describeSystem() };
}

/**
 * Describes the engine in use, its devices and their memory.
 * @returns undefined where none is in use, and for an engine that tells nothing of itself
 */
export async function describeEngine(): Promise<EngineDetails | undefined> {
  const engine = currentEngine();
  return engine && platform.engines[engine.name].describe?.(backendOf(engine));
}

const backendOf = (engine: Engine): Backend | undefined =>
  engine.kind === 'compiled' ? engine.device.backend : undefined;

/** Examines an engine; one whose devices show only then is started, unless it is in use. */
async function examine(name: EngineName, chosen: Engine): Promise<DoctorReport['engines'][number]> {
  const probe = await probeEngine(name);
  if (!probe.available) return { name, available: false, detail: probe.why, fix: probe.fix };
  const { description, notAutomatic } = probe;
  const detail = notAutomatic === undefined ? description : `${description}; not chosen automatically: ${notAutomatic}`;
  const running = chosen.name === name ? backendOf(chosen) : undefined;
  try {
    const details = await platform.engines[name].describe?.(running);
    const precisions = [...precisionsOf(name).keys()];
    if (!details) return { name, available: true, detail, precisions };
    return { name, available: true, detail: `${detail} (${details.versions})`, precisions, devices: details.devices };
  } catch (error) {
    if (!(error instanceof EngineError)) return { name, available: false, detail: firstLine(error) };
    const { expected, got, fix } = error;
    return { name, available: false, detail: `expected ${expected}, got ${got.split('\n')[0]!}`, fix };
  }
}

const gigabytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GB`;

function deviceText({ name, usedBytes, limitBytes }: EngineDevice): string {
  if (usedBytes === undefined) return name;
  return `${name}, ${gigabytes(usedBytes)}${limitBytes === undefined ? '' : ` of ${gigabytes(limitBytes)}`} in use`;
}

/** Formats the report for a terminal. */
export function formatDoctorReport({ chosen, reason, threads, engines, system }: DoctorReport): string {
  const memory = system.memoryGigabytes === undefined ? [] : [`${system.memoryGigabytes} GB`];
  const facts = [system.runtime, system.platform, system.processor, `${system.cores} cores`, ...memory];
  const lines = [
    `engine   ${chosen}, ${threads} thread${threads === 1 ? '' : 's'}: ${reason}`,
    `system   ${facts.join(', ')}`,
    '',
  ];
  for (const { name, available, detail, fix, precisions = [], devices = [] } of engines) {
    const mark = name === chosen ? '>' : ' ';
    lines.push(`${mark} ${name.padEnd(14)} ${available ? 'works ' : 'absent'}  ${detail}`);
    if (precisions.length > 1) lines.push(`${' '.repeat(25)}precision: ${precisions.join(', ')}`);
    for (const device of devices) lines.push(`${' '.repeat(25)}${deviceText(device)}`);
    if (fix) lines.push(`${' '.repeat(25)}${fix}`);
  }
  return lines.join('\n');
}
