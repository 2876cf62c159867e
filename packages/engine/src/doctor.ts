import { platform } from '#platform';
import { currentEngine, probeEngine, useEngine } from './engines.js';
import { engineNames, type EngineName, type SystemFacts } from './engines/engine-definition.js';

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
    /** How to get the engine, where it does not work. */
    readonly fix?: string;
  }[];
  readonly system: SystemFacts;
}

/** Examines every engine; starts the automatic choice where none is running. */
export async function doctor(): Promise<DoctorReport> {
  const { name: chosen, reason, threads } = currentEngine() ?? (await useEngine());
  const engines: DoctorReport['engines'][number][] = [];
  for (const name of engineNames) {
    const probe = await probeEngine(name);
    engines.push(
      probe.available
        ? { name, available: true, detail: probe.description }
        : { name, available: false, detail: probe.why, fix: probe.fix },
    );
  }
  return { chosen, reason, threads, engines, system: await platform.describeSystem() };
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
  for (const { name, available, detail, fix } of engines) {
    const mark = name === chosen ? '>' : ' ';
    lines.push(`${mark} ${name.padEnd(14)} ${available ? 'works ' : 'absent'}  ${detail}`);
    if (fix) lines.push(`${' '.repeat(25)}${fix}`);
  }
  return lines.join('\n');
}
