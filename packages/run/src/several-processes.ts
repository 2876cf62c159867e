import { readClusterPlace, type ClusterFlags } from '@vitvq/cluster';
import { serveDevices, type ProcessesOptions, type ServeDevicesOptions } from '@vitvq/engine';
import { silentView, type RunView } from './run-progress.js';

/** Variable with the text that all processes of a run know and others do not. */
const secretVariable = 'VITVQ_SECRET';

/**
 * Returns how this process takes part in a run of several: from flags, from `VITVQ_*` variables or
 * from those of Open MPI, PMI, Slurm or an indexed job of Kubernetes; undefined for a process that
 * is alone.
 * @throws {ConfigError} for a place that makes no sense
 */
export function readProcesses(
  flags: ClusterFlags = {},
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ProcessesOptions | undefined {
  const place = readClusterPlace(environment, flags);
  if (!place) return undefined;
  const secret = environment[secretVariable];
  return { place, ...(secret !== undefined && { secret }) };
}

/**
 * Lends the devices of this process to process 0, which trains, until that is done.
 * @throws {EngineError} when the process cannot join, when its devices fail, and when another
 *   process is lost
 */
export async function lendDevices(options: ServeDevicesOptions, view: RunView = silentView): Promise<void> {
  const { rank, processes, coordinator } = options.place;
  view.log(
    `Process ${rank} of ${processes} lends its devices to process 0 at ${coordinator.host}:${coordinator.port}, ` +
      'which runs the program and prints how it goes.',
  );
  await serveDevices(options);
  view.log('Process 0 is done.');
}
