import { engineNames, probeEngine, currentEngine, useEngine, type EngineName } from './engines.js';

/** What runs here, and what the other engines lack. */
export interface DoctorReport {
  readonly chosen: EngineName;
  readonly reason: string;
  readonly threads: number;
  readonly engines: readonly {
    readonly name: EngineName;
    readonly available: boolean;
    /** What it is, or why it does not work here. */
    readonly detail: string;
    /** How to get it, where it does not work. */
    readonly fix?: string;
  }[];
  readonly system: {
    readonly node: string;
    readonly platform: string;
    readonly processor: string;
    readonly cores: number;
    readonly memoryGigabytes: number;
  };
}

/** Examines every engine; starts the automatic choice if none is running. */
export async function doctor(): Promise<DoctorReport> {
  const { name: chosen, reason, threads } = currentEngine() ?? (await useEngine());
  const os = await import('node:os');
  const engines: DoctorReport['engines'][number][] = [];
  for (const name of engineNames) {
    const probe = await probeEngine(name);
    engines.push(
      probe.available
        ? { name, available: true, detail: probe.description }
        : { name, available: false, detail: probe.why, fix: probe.fix },
    );
  }
  return {
    chosen,
    reason,
    threads,
    engines,
    system: {
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      processor: os.cpus()[0]?.model.trim() ?? 'unknown',
      cores: os.availableParallelism(),
      memoryGigabytes: Math.round(os.totalmem() / 2 ** 30),
    },
  };
}

/** The report as text for a terminal. */
export function formatDoctorReport({ chosen, reason, threads, engines, system }: DoctorReport): string {
  const lines = [
    `engine   ${chosen}, ${threads} thread${threads === 1 ? '' : 's'}: ${reason}`,
    `system   Node ${system.node}, ${system.platform}, ${system.processor}, ${system.cores} cores, ${system.memoryGigabytes} GB`,
    '',
  ];
  for (const { name, available, detail, fix } of engines) {
    const mark = name === chosen ? '>' : ' ';
    lines.push(`${mark} ${name.padEnd(14)} ${available ? 'works ' : 'absent'}  ${detail}`);
    if (fix) lines.push(`${' '.repeat(25)}${fix}`);
  }
  return lines.join('\n');
}
